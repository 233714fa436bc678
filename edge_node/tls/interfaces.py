"""What this machine is called: its host name, and the addresses of all its interfaces as the kernel tells them (rtnetlink(7))."""

import re
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

IpAddress: TypeAlias = IPv4Address | IPv6Address

_GETADDR: Final = 22
_NEWADDR: Final = 20
_DONE: Final = 3
_ERROR: Final = 2
_REQUEST_DUMP: Final = 0x301
_ADDRESS, _LOCAL = 1, 2
_HEADER: Final = struct.Struct("=IHHII")
_ABOUT: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_FAMILIES: Final = {socket.AF_INET, socket.AF_INET6}
_ANSWER_BYTES: Final = 1 << 16
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
).fullmatch


def names() -> list[str]:
    """Host names and addresses by which devices may call this machine, those for the machine itself first."""
    host = socket.gethostname().lower()
    hosts = [host, f"{host.partition('.')[0]}.local"] if is_host(host) else []
    return list(dict.fromkeys(["localhost", *hosts, "127.0.0.1", "::1", *addresses()]))


def is_host(name: str) -> bool:
    """Whether a text is a host name (RFC 1123)."""
    return _HOST(name) is not None


def reachable(found: list[str]) -> list[str]:
    """Of such names, the addresses that another device can call: no host names, since many networks here resolve none."""
    return [name for name in found if (address := as_address(name)) is not None and not address.is_loopback]


def addresses() -> list[str]:
    """Addresses of all interfaces, IPv4 first; those that only mean something together with an interface left out (fe80::)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        about = _ABOUT.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        kernel.send(_HEADER.pack(_HEADER.size + len(about), _GETADDR, _REQUEST_DUMP, 1, 0) + about)
        found = [ip_address(raw) for raw in _told(kernel)]
    plain = [address for address in found if not address.is_link_local or address.version == 4]
    return [str(address) for address in sorted(plain, key=lambda one: (one.version, int(one)))]


def _told(kernel: socket.socket) -> Iterator[bytes]:
    while True:
        answer = kernel.recv(_ANSWER_BYTES)
        while answer:
            length, kind, *_ = _HEADER.unpack_from(answer)
            if kind == _ERROR:
                raise OSError("The kernel does not tell this machine's addresses")
            if kind == _DONE:
                return
            if kind == _NEWADDR:
                yield from _address(answer[_HEADER.size : length])
            answer = answer[(length + 3) & ~3 :]


def _address(message: bytes) -> Iterator[bytes]:
    """One address of the message: this end's, where an interface has two ends."""
    if message[0] not in _FAMILIES:
        return
    attributes, rest = {}, message[_ABOUT.size :]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        attributes[kind] = rest[_ATTRIBUTE.size : length]
        rest = rest[(length + 3) & ~3 :]
    raw = attributes.get(_LOCAL, attributes.get(_ADDRESS))
    if raw:
        yield raw


def as_address(name: str) -> IpAddress | None:
    """An IP address that is written out, or None for a host name."""
    try:
        return ip_address(name)
    except ValueError:
        return None
