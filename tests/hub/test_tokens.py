"""Attacks on access tokens, none of which passes; the keys that sign them, by the published examples and through rotation."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from hub.api.context import Context
from hub.errors import HubError, SessionOver, Unauthorised
from hub.sessions import tokens
from hub.sessions.keyring import LoginKey, jwk, text, thumbprint
from hub.sessions.sessions import moment
from hub.sessions.tokens import LEEWAY_SECONDS, Claims
from tests.hub.conftest import NOW_MS
from tests.hub.login_world import bearer, client, clock, context, status
from tests.hub.test_api import problem

__all__ = ["client", "clock", "context"]

EXAMPLE = json.loads((Path(__file__).parents[1] / "data" / "jose_ed25519.json").read_bytes())


def bytes_of(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forge:
    """Makes tokens out of a right one."""

    def __init__(self, token: str, key: LoginKey) -> None:
        self.token = token
        self.key = key
        self.header: dict[str, Any] = json.loads(bytes_of(token.split(".")[0]))
        self.claims: dict[str, Any] = json.loads(bytes_of(token.split(".")[1]))

    def signed(self, key: Ed25519PrivateKey | None = None, header: Any = None, claims: Any = None) -> str:
        """A token of this header and these claims, with the hub's own signature unless another key is given."""
        parts = [text(json.dumps(self.header if header is None else header).encode())]
        parts.append(text(json.dumps(self.claims if claims is None else claims).encode()))
        said = ".".join(parts)
        return f"{said}.{text((key or self.key.private).sign(said.encode()))}"

    def with_header(self, **changed: Any) -> str:
        header = {name: value for name, value in (self.header | changed).items() if value is not ...}
        return self.signed(header=header)

    def with_claims(self, **changed: Any) -> str:
        claims = {name: value for name, value in (self.claims | changed).items() if value is not ...}
        return self.signed(claims=claims)

    def by_hmac(self, secret: bytes, **header: Any) -> str:
        said = ".".join([text(json.dumps(self.header | header).encode()), self.token.split(".")[1]])
        return f"{said}.{text(hmac.digest(secret, said.encode(), sha256))}"

    @property
    def raw(self) -> bytes:
        return self.key.public.public_bytes_raw()

    @property
    def pem(self) -> bytes:
        return self.key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def jwk(self) -> dict[str, str]:
        return jwk(self.key.public)


MINE = Ed25519PrivateKey.generate()
"""An attacker's key."""


def ecdsa(forge: Forge) -> str:
    return jwt.encode(forge.claims, ec.generate_private_key(ec.SECP256R1()), "ES256", forge.header | {"alg": "ES256"})


def other_order(forge: Forge) -> str:
    """The same signature with S + L (RFC 8032, 5.1.7: a verifier has to refuse it)."""
    said, _, signature = forge.token.rpartition(".")
    raw = bytes_of(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(raw[32:], "little") + order
    return f"{said}.{text(raw[:32] + s.to_bytes(32, 'little'))}"


ATTACKS: dict[str, Callable[[Forge], str]] = {
    "no signature, none": lambda f: f.with_header(alg="none").rpartition(".")[0] + ".",
    "none, in capitals": lambda f: f.with_header(alg="NONE").rpartition(".")[0] + ".",
    "none, with the right signature": lambda f: f.with_header(alg="none"),
    "signature cut off": lambda f: f.token.rpartition(".")[0] + ".",
    "HS256 with the public key, raw": lambda f: f.by_hmac(f.raw, alg="HS256"),
    "HS256 with the public key, PEM": lambda f: f.by_hmac(f.pem, alg="HS256"),
    "HS256 with the public key, JWK": lambda f: f.by_hmac(json.dumps(f.jwk).encode(), alg="HS256"),
    "HS256 with nothing": lambda f: f.by_hmac(b"", alg="HS256"),
    "MAC called EdDSA": lambda f: f.by_hmac(f.raw),
    "ES256 with an attacker's key": ecdsa,
    "Ed25519 as an algorithm of its own": lambda f: f.with_header(alg="Ed25519"),
    "an algorithm that is no text": lambda f: f.with_header(alg=["EdDSA"]),
    "an attacker's key under our key id": lambda f: f.signed(MINE),
    "an attacker's key under its own key id": lambda f: f.signed(
        MINE, f.header | {"kid": thumbprint(MINE.public_key())}
    ),
    "an attacker's key, embedded": lambda f: f.signed(MINE, f.header | {"jwk": jwk(MINE.public_key())}),
    "our key, embedded": lambda f: f.with_header(jwk=f.jwk),
    "a place to fetch keys from": lambda f: f.signed(MINE, f.header | {"jku": "https://evil.example/jwks.json"}),
    "a certificate to fetch": lambda f: f.signed(MINE, f.header | {"x5u": "https://evil.example/a.pem"}),
    "a certificate, embedded": lambda f: f.signed(MINE, f.header | {"x5c": ["MIIB"]}),
    "something critical": lambda f: f.with_header(crit=["exp"]),
    "a payload that is not encoded": lambda f: f.with_header(b64=False, crit=["b64"]),
    "no key id": lambda f: f.with_header(kid=...),
    "an empty key id": lambda f: f.with_header(kid=""),
    "a path as key id": lambda f: f.with_header(kid="../../../../dev/null"),
    "SQL as key id": lambda f: f.with_header(kid="' OR '1'='1"),
    "a NUL in the key id": lambda f: f.with_header(kid=f.header["kid"] + "\0"),
    "a number as key id": lambda f: f.with_header(kid=1),
    "no type": lambda f: f.with_header(typ=...),
    "another type": lambda f: f.with_header(typ="JWT"),
    "a refresh token's type": lambda f: f.with_header(typ="rt+jwt"),
    "over a minute ago": lambda f: f.with_claims(exp=f.claims["iat"] - 60),
    "over at the end of the leeway": lambda f: f.with_claims(exp=NOW_MS // 1000 - LEEWAY_SECONDS),
    "no end": lambda f: f.with_claims(exp=...),
    "an end that is text": lambda f: f.with_claims(exp="99999999999"),
    "an end that is a fraction": lambda f: f.with_claims(exp=f.claims["exp"] + 0.5),
    "an end that is infinite": lambda f: f.with_claims(exp=float("inf")),
    "an end that is nothing": lambda f: f.with_claims(exp=None),
    "not yet": lambda f: f.with_claims(nbf=NOW_MS // 1000 + LEEWAY_SECONDS + 1),
    "made in the future": lambda f: f.with_claims(iat=NOW_MS // 1000 + LEEWAY_SECONDS + 1),
    "another issuer": lambda f: f.with_claims(iss="hub-0000000000000000"),
    "several issuers": lambda f: f.with_claims(iss=[f.claims["iss"]]),
    "another audience": lambda f: f.with_claims(aud="medtech-edge"),
    "several audiences": lambda f: f.with_claims(aud=["medtech-hub", "medtech-edge"]),
    "another subject in the right session": lambda f: f.with_claims(sub="ops"),
    "another session": lambda f: f.with_claims(sid="A" * 22),
    "a session that is no text": lambda f: f.with_claims(sid=None),
    "a NUL in the session": lambda f: f.with_claims(sid="a\0b"),
    "a NUL in the subject": lambda f: f.with_claims(sub="root\0"),
    "a role of its own": lambda f: f.with_claims(role="admin"),
    "claims that are a list": lambda f: f.signed(claims=[f.claims]),
    "no claims": lambda f: f.signed(claims={}),
    "tampered claims": lambda f: f.token.replace(
        f.token.split(".")[1], text(json.dumps(f.claims | {"sub": "ops"}).encode())
    ),
    "tampered header": lambda f: text(json.dumps(f.header | {"x": 1}).encode()) + f.token[f.token.index(".") :],
    "a signature of another order": other_order,
    "four parts": lambda f: f.token + ".x",
    "two parts": lambda f: f.token.rpartition(".")[0],
    "five parts, as if encrypted": lambda f: f.token + ".x.y",
    "oversized": lambda f: f.with_claims(jti="x" * 4_000),
    "a header that is no JSON": lambda f: text(b"{") + f.token[f.token.index(".") :],
    "a header that is no base64": lambda f: "%%%" + f.token[f.token.index(".") :],
    "a header that is empty": lambda f: f.token[f.token.index(".") :],
    "a header given twice": lambda f: (
        text(b'{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"y"}') + f.token[f.token.index(".") :]
    ),
    "JSON serialisation": lambda f: json.dumps({"payload": f.token.split(".")[1], "signatures": []}),
    "nothing": lambda _: "",
    "dots": lambda _: "..",
}


def without(claim: str) -> Callable[[Forge], str]:
    return lambda forge: forge.with_claims(**{claim: ...})


ATTACKS |= {f"no {claim}": without(claim) for claim in Claims.__struct_fields__}


@pytest.fixture
async def forge(client: httpx.AsyncClient, context: Context) -> Forge:
    token = (await bearer(client))["Authorization"].split()[1]
    key = await context.hub.desk.keyring.signing(moment(context.clock()))
    return Forge(token, key)


async def test_the_token_that_attacks_are_made_of_is_right(client: httpx.AsyncClient, forge: Forge) -> None:
    for token in (forge.token, forge.signed(), forge.with_claims(exp=NOW_MS // 1000 - LEEWAY_SECONDS + 1)):
        assert await status(client, {"Authorization": f"Bearer {token}"}) == 200


async def test_none_of_the_attacks_passes(client: httpx.AsyncClient, forge: Forge) -> None:
    passed = []
    for name, attack in ATTACKS.items():
        token = attack(forge)
        assert token != forge.token, name
        response = await client.get("/api/v1/stats", headers={"Authorization": f"Bearer {token}".strip()})
        if response.status_code != 401:
            passed.append((name, response.status_code))
        else:
            assert "Traceback" not in response.text
            assert response.headers["www-authenticate"] == "Bearer"
    assert passed == []
    assert await status(client, {"Authorization": f"Bearer {forge.token}"}) == 200


async def test_each_attack_is_stopped_before_its_session_is_looked_up(forge: Forge, context: Context) -> None:
    """All but those that only the session can tell: they are signed by the hub's own key."""
    told_by_session = {"another session", "another subject in the right session", "a NUL in the subject"}
    for name, attack in ATTACKS.items():
        if name not in told_by_session:
            with pytest.raises((Unauthorised, SessionOver)):
                await context.hub.desk.by_token(attack(forge), context.clock())


async def test_tokens_are_no_cookies_and_cookies_no_tokens(client: httpx.AsyncClient, forge: Forge) -> None:
    body = {"username": "root", "password": "correct horse"}
    granted = (await client.post("/auth/login", json=body)).json()
    cookie = client.cookies["medtech-hub"]
    client.cookies.clear()
    for wrong in (granted["refresh_token"], cookie):
        assert await status(client, {"Authorization": f"Bearer {wrong}"}) == 401
    for wrong in (granted["refresh_token"], granted["access_token"]):
        assert await status(client, {"Cookie": f"medtech-hub={wrong}"}) == 401
    refreshed = await client.post("/auth/refresh", json={"refresh_token": cookie})
    problem(refreshed, 401, "session-over")


@pytest.mark.parametrize("scheme", ["Basic", "bearer-ish", "Token", "x"])
async def test_another_scheme_lets_nobody_in(client: httpx.AsyncClient, forge: Forge, scheme: str) -> None:
    assert await status(client, {"Authorization": f"{scheme} {forge.token}"}) == 401


def understood(token: str, key: LoginKey) -> Claims:
    assert tokens.key_id(token) == key.kid
    return tokens.proven(token, key, "hub")


@given(st.binary(max_size=200), st.integers(0, 2))
def test_whatever_is_sent_is_refused_by_name(noise: bytes, part: int) -> None:
    key = LoginKey("k", MINE, moment(NOW_MS))
    claims = Claims("hub", tokens.AUDIENCE, "root", "s" * 22, "j", NOW_MS // 1000, NOW_MS // 1000, NOW_MS // 1000 + 600)
    parts = tokens.issue(key, claims).split(".")
    kept = parts[part]
    parts[part] = urlsafe_b64encode(noise).decode()
    if bytes_of(kept) == noise:
        return
    with pytest.raises(HubError):
        understood(".".join(parts), key)


# --- by the published examples ---


def test_the_example_of_rfc_8037_is_proven_and_its_thumbprint_is_the_one_told() -> None:
    public = Ed25519PublicKey.from_public_bytes(bytes_of(EXAMPLE["input"]["key"]["x"]))
    private = Ed25519PrivateKey.from_private_bytes(bytes_of(EXAMPLE["input"]["key"]["d"]))
    assert private.public_key() == public
    said = EXAMPLE["signing"]["sig-input"].encode()
    assert text(private.sign(said)) == EXAMPLE["signing"]["sig"]
    assert (
        jwt.PyJWS().decode(EXAMPLE["output"]["compact"], public, algorithms=["EdDSA"])
        == EXAMPLE["input"]["payload"].encode()
    )
    assert jwk(public) == {"kty": "OKP", "crv": "Ed25519", "x": EXAMPLE["input"]["key"]["x"]}
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037, A.3
    with pytest.raises(Unauthorised):  # it has no type and no key id, so it is none of ours
        tokens.key_id(EXAMPLE["output"]["compact"])


async def test_whoever_has_the_published_keys_can_prove_a_token(client: httpx.AsyncClient, forge: Forge) -> None:
    response = await client.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=60"
    keys = jwt.PyJWKSet.from_dict(response.json())
    assert [set(key) for key in response.json()["keys"]] == [{"kty", "crv", "x", "alg", "use", "kid"}]
    proven = jwt.decode(
        forge.token,
        keys[forge.header["kid"]],
        algorithms=["EdDSA"],
        audience="medtech-hub",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert proven == forge.claims
    assert set(proven) == set(Claims.__struct_fields__)  # and nothing of what she may do
