"""Run inside a network namespace of its own: makes the far end of a link there, and opens connections for those outside.

    inside SOCKET ADDRESS PEER      SOCKET: number of an inherited Unix socket

First it sends the descriptor of the TUN device. Then, for each line `PORT` that comes, a descriptor of a connection to
that port of the namespace's own loopback, or `-` when nobody listens there. Ends when the socket is closed. Standard library only.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from typing import Final

TUNSETIFF: Final = 0x400454CA
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000
"""Packets come bare, without a header of the device's."""
NAME: Final = "link0"
MTU: Final = 1400


def make_tun() -> int:
    """A TUN device; reading from the descriptor gives what is sent into it."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def set_up(address: str, peer: str) -> None:
    """Addresses of both ends, and the loopback that programs here speak over."""
    for words in (
        "link set lo up",
        f"addr add {address} peer {peer} dev {NAME}",
        f"link set {NAME} mtu {MTU} up",
    ):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True)


def serve(outside: socket.socket) -> None:
    """Connections for those outside, one after the other."""
    while asked := outside.recv(16):
        try:
            made = socket.create_connection(("127.0.0.1", int(asked)), timeout=10)
        except OSError:
            outside.sendall(b"-")
            continue
        made.setblocking(True)
        with made:
            socket.send_fds(outside, [b"+"], [made.fileno()])


def main(arguments: list[str]) -> int:
    outside = socket.socket(fileno=int(arguments[0]))
    try:
        tun = make_tun()
        set_up(arguments[1], arguments[2])
    except (OSError, subprocess.CalledProcessError) as error:
        outside.sendall(f"!{error} {getattr(error, 'stderr', '')}".encode())
        return 1
    socket.send_fds(outside, [b"+"], [tun])
    os.close(tun)
    serve(outside)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
