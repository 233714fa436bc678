"""The clinic's own certificate authority and the certificates that it issues, as functions of names and times.

Browsers give camera, offline pages and installing only to pages that came by HTTPS, and no public authority certifies a machine that is
called `192.168.1.5`. So each clinic has an authority of its own, which every device there is told once to trust.

* **Constrained** (RFC 5280, 4.2.1.10): whoever stole its key could pass for addresses of private networks, `.local` names, and the names
  that the clinic gave when it was made, and for no bank.
* **Clocks** in clinics are wrong by months. A server's certificate lies around the present, so that a device is let in whose clock is half
  a year behind or a few months ahead; the authority's begins before this program was written. A node whose own clock says what cannot be
  (before this program) goes by the program's date instead. More than that no certificate can forgive: Apple's devices refuse one that is
  good for more than 825 days (support.apple.com/103769), and browsers are moving to less, so ours has 397.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_node.tls import interfaces

IpNetwork: TypeAlias = IPv4Network | IPv6Network

WRITTEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is earlier can be right: this program did not exist."""
AUTHORITY_FROM: Final = datetime(2015, 1, 1, tzinfo=UTC)
AUTHORITY_YEARS: Final = 10
SERVER_BACK: Final = timedelta(days=180)
SERVER_AHEAD: Final = timedelta(days=217)
RENEW_LEFT: Final = timedelta(days=100)
"""Back and ahead are 397 days together; a certificate with less than this left is made anew."""

ALWAYS_NAMES: Final = ("localhost", "local", "lan", "internal", "home.arpa")
PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
)
"""Networks that are nobody's in particular (RFC 1918, 3927, 6598, 4193) and the machine itself."""


class Pair(msgspec.Struct, frozen=True):
    """A certificate and its private key (PKCS #8), both DER. The key is kept nowhere but in the encrypted store."""

    certificate: bytes
    key: bytes

    def parsed(self) -> x509.Certificate:
        """The certificate, to look into."""
        return x509.load_der_x509_certificate(self.certificate)


def believed(clock_ms: int, offset_ms: int | None) -> datetime:
    """The time to go by: the clock as the hub last corrected it, and never before this program was written."""
    try:
        told = datetime.fromtimestamp((clock_ms + (offset_ms or 0)) / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # a clock beyond the calendar
        return WRITTEN
    return max(told, WRITTEN)


# --- the authority ----------------------------------------------------------------------------------------------------


def make_authority(place: str, now: datetime, names: Iterable[str]) -> Pair:
    """A new authority. `place`: what people call the clinic. `names`: what it may vouch for besides private addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"MedTech Edge: {place}"[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(AUTHORITY_FROM)
        .not_valid_after(now + timedelta(days=365 * AUTHORITY_YEARS + 2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
    )
    return _pair(builder.sign(key, SHA256()), key)


def allows(authority: x509.Certificate, name: str) -> bool:
    """Whether the authority may vouch for a host name or address."""
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    address = interfaces.as_address(name)
    if address is not None:
        networks = [one.value for one in permitted if isinstance(one, x509.IPAddress)]
        return any(not isinstance(one, IPv4Address | IPv6Address) and address in one for one in networks)
    return any(isinstance(one, x509.DNSName) and _below(name.lower(), one.value) for one in permitted)


def _permitted(names: Iterable[str]) -> list[x509.GeneralName]:
    given = [name.lower() for name in names]
    hosts = [name for name in given if interfaces.as_address(name) is None]
    single = [ip_network(address) for name in given if (address := interfaces.as_address(name)) is not None]
    networks: list[IpNetwork] = [*PRIVATE, *(one for one in single if not _is_private(one))]
    return [
        *(x509.DNSName(name) for name in dict.fromkeys([*ALWAYS_NAMES, *hosts])),
        *(x509.IPAddress(network) for network in dict.fromkeys(networks)),
    ]


def _is_private(network: IpNetwork) -> bool:
    return any(network.network_address in known for known in PRIVATE)


def _below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


# --- a server ---------------------------------------------------------------------------------------------------------


def issue(authority: Pair, now: datetime, names: Sequence[str]) -> Pair:
    """A server's certificate for host names and addresses. Those that the authority may not vouch for are left out: one would spoil all."""
    issuer = authority.parsed()
    issuer_key = load_der_private_key(authority.key, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    vouched = [name for name in dict.fromkeys(names) if allows(issuer, name)]
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MedTech Edge")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - SERVER_BACK, issuer.not_valid_before_utc))
        .not_valid_after(min(now + SERVER_AHEAD, issuer.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in vouched]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return _pair(builder.sign(issuer_key, SHA256()), key)


def names_of(server: x509.Certificate) -> set[str]:
    """The host names and addresses in a server's certificate."""
    held = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))}


def serves(server: Pair, authority: Pair, now: datetime, names: Sequence[str]) -> bool:
    """Whether a server's certificate will do: of this authority, good for long enough, with exactly the names that there are now."""
    issuer, mine = authority.parsed(), server.parsed()
    if mine.issuer != issuer.subject or not _signed_by(mine, issuer):
        return False
    ends_early = mine.not_valid_after_utc < min(now + RENEW_LEFT, issuer.not_valid_after_utc)
    # A clock that was ahead by a year and was put right: what was issued then begins in the future, or soon will have.
    begins_late = mine.not_valid_before_utc > now - SERVER_BACK / 2
    return not ends_early and not begins_late and names_of(mine) == {name for name in names if allows(issuer, name)}


def _signed_by(mine: x509.Certificate, issuer: x509.Certificate) -> bool:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
    held = mine.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return held.key_identifier == identifier


def _general(name: str) -> x509.GeneralName:
    address = interfaces.as_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.public_bytes(Encoding.DER), private)
