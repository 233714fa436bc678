"""One-time codes (TOTP, RFC 6238: SHA-1, six digits, thirty seconds), as every authenticator has them. Pure."""

import hmac
from typing import Final

import pyotp
from msgspec import Struct

STEP_SECONDS: Final = 30
DIGITS: Final = 6
DRIFT_STEPS: Final = 1
"""How far a telephone's clock may be off."""
ISSUER: Final = "MedTech Edge hub"


class Enrolment(Struct, frozen=True):
    """What an authenticator is told, shown once: as text to type, and as the address that a QR code holds."""

    name: str
    secret: str
    uri: str


def new_enrolment(name: str) -> Enrolment:
    """A fresh secret of 160 bits."""
    secret = pyotp.random_base32()
    return Enrolment(name, secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def step_of(secret: str, code: str, now_ms: int) -> int | None:
    """The step whose code it is, among the present one and its neighbours; None when it is none of them."""
    present = now_ms // (1000 * STEP_SECONDS)
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    found = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        # All are compared, in the same time each.
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode(errors="surrogatepass")):
            found = step
    return found
