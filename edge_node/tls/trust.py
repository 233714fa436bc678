"""What a device gets to trust the clinic's authority: the certificate, Apple's profile around it, and the signs that people compare."""

import hashlib
import plistlib
import uuid
from typing import Final

from cryptography.x509.oid import NameOID

from edge_node.tls.authority import Pair

CERTIFICATE_MEDIA: Final = "application/x-x509-ca-cert"
"""What browsers and Android take to be an authority's certificate."""
PROFILE_MEDIA: Final = "application/x-apple-aspen-config"
_FINGERPRINT_BYTES_A_GROUP: Final = 2
_NAMESPACE: Final = uuid.UUID("5b9c1c5e-6f0c-5d0c-9f1a-4f4b8b0f6d11")


def fingerprint(authority: Pair) -> str:
    """SHA-256 of the certificate in groups of four signs, as people read it aloud. Devices show the same signs, grouped as they like."""
    text = hashlib.sha256(authority.certificate).hexdigest().upper()
    size = 2 * _FINGERPRINT_BYTES_A_GROUP
    return " ".join(text[start : start + size] for start in range(0, len(text), size))


def name(authority: Pair) -> str:
    """What devices call the authority in their lists."""
    return str(authority.parsed().subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def profile(authority: Pair) -> bytes:
    """The certificate as a configuration profile, which is how iPhones and iPads take one.

    Source: Apple, Device Management, CertificateRoot (payload type com.apple.security.root). The identifiers are made of the
    certificate, so that loading it again replaces the one that is there.
    """
    digest = hashlib.sha256(authority.certificate).hexdigest()
    called = name(authority)
    payload = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"health.medtech-edge.trust.{digest[:16]}.certificate",
        "PayloadUUID": str(uuid.uuid5(_NAMESPACE, f"{digest} certificate")).upper(),
        "PayloadDisplayName": called,
        "PayloadCertificateFileName": "clinic.crt",
        "PayloadContent": authority.certificate,
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"health.medtech-edge.trust.{digest[:16]}",
            "PayloadUUID": str(uuid.uuid5(_NAMESPACE, digest)).upper(),
            "PayloadDisplayName": called,
            "PayloadDescription": "Lets this device see that it speaks with the clinic's own computer.",
            "PayloadContent": [payload],
        }
    )
