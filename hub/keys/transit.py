"""A master key inside a KMS that speaks the API of HashiCorp Vault's transit engine, as OpenBao does.

    POST {url}/v1/{mount}/encrypt/{key}
        {"batch_input": [{"plaintext": base64}]}        → {"data": {"batch_results": [{"ciphertext": "vault:v1:…"}]}}
    POST {url}/v1/{mount}/decrypt/{key}
        {"batch_input": [{"ciphertext": "vault:v1:…"}]} → {"data": {"batch_results": [{"plaintext": base64}]}}

The token is read from its file for every call: an agent may put another there at any time. The policy of the token needs `update` on both
paths. https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import ipaddress
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from msgspec import Struct

from hub.errors import KmsFault, MasterKeyWrong, SettingsWrong
from hub.keys.masters import name_of

BATCH: Final = 250
"""Secrets in one call."""
SECONDS_MAX: Final = 5.0
REST_SECONDS: Final = 5.0
"""So long after a call that failed nobody tries: who waits for a KMS that is away holds a place and a connection."""


class TransitPlace(Struct, frozen=True):
    """Where the engine is, and how we may call it."""

    url: str
    mount: str
    token_file: Path
    ca_file: Path | None = None


class _Item(Struct, frozen=True):
    plaintext: str = ""
    ciphertext: str = ""
    error: str = ""


class _Data(Struct, frozen=True):
    batch_results: list[_Item]


class _Answer(Struct, frozen=True):
    data: _Data


_DECODER = msgspec.json.Decoder(_Answer)


class TransitMaster:
    """One key of the engine."""

    def __init__(self, place: TransitPlace, key: str, clock: Callable[[], float] = monotonic) -> None:
        self.key = key
        self.id = name_of("transit", f"{place.mount}/{key}")
        self._place, self._clock = place, clock
        self._verify = _verifying(place)
        self._resting_until = -REST_SECONDS

    async def wrap(self, plain: Sequence[bytes]) -> list[bytes]:
        items = await self._call("encrypt", [{"plaintext": b64encode(one).decode()} for one in plain])
        if not all(item.ciphertext for item in items):
            raise KmsFault("The KMS did not encrypt.")
        return [item.ciphertext.encode() for item in items]

    async def unwrap(self, wrapped: Sequence[bytes]) -> list[bytes]:
        items = await self._call("decrypt", [{"ciphertext": one.decode("ascii", "replace")} for one in wrapped])
        if not all(item.plaintext for item in items):
            raise MasterKeyWrong("The KMS does not open what is stored with the key that is named for it.")
        return [b64decode(item.plaintext) for item in items]

    async def _call(self, what: str, items: Sequence[dict[str, str]]) -> list[_Item]:
        """What the engine answers, item by item. Nothing of the answer or of what was sent is in an error."""
        if (left := self._resting_until - self._clock()) > 0:
            raise KmsFault("The KMS did not answer a moment ago.", retry_after_seconds=int(left) + 1)
        try:
            found: list[_Item] = []
            async with httpx.AsyncClient(verify=self._verify, timeout=SECONDS_MAX, trust_env=False) as client:
                for start in range(0, len(items), BATCH):
                    found += await self._batch(client, what, items[start : start + BATCH])
            return found
        except KmsFault:
            self._resting_until = self._clock() + REST_SECONDS
            raise

    async def _batch(self, client: httpx.AsyncClient, what: str, items: Sequence[dict[str, str]]) -> list[_Item]:
        place = self._place
        address = f"{place.url.rstrip('/')}/v1/{quote(place.mount)}/{what}/{quote(self.key, safe='')}"
        try:
            answer = await client.post(
                address, json={"batch_input": items}, headers={"X-Vault-Token": _token(place.token_file)}
            )
        except httpx.HTTPError as error:
            raise KmsFault(f"The KMS does not answer ({type(error).__name__}).") from None
        if answer.status_code == httpx.codes.BAD_REQUEST and what == "decrypt":
            raise MasterKeyWrong("The KMS does not open what is stored with the key that is named for it.")
        if answer.status_code != httpx.codes.OK:
            raise KmsFault(f"The KMS refuses ({answer.status_code}).", hint=_HINTS.get(answer.status_code))
        try:
            results = _DECODER.decode(answer.content).data.batch_results
        except msgspec.DecodeError:
            raise KmsFault("The KMS gave an answer that is none of a transit engine.") from None
        if len(results) != len(items):
            raise KmsFault("The KMS left something out of its answer.")
        return results


_HINTS: Final = {
    403: "The token in kms_token_file is over, or its policy does not allow `update` on encrypt and decrypt of this key.",
    404: "There is no transit engine at kms_mount, or no such key in it.",
    503: "The KMS is sealed: its operator has to unseal it.",
}


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise KmsFault(f"The token at {path} cannot be read: {error.strerror}.") from None


def _verifying(place: TransitPlace) -> ssl.SSLContext | bool:
    """How the KMS proves who it is. Raises SettingsWrong for an address that could be listened to."""
    parts = urlsplit(place.url)
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return True  # an agent on this machine
    if parts.scheme != "https" or not parts.hostname:
        raise SettingsWrong("kms_url has to begin with https:// (or lead to this machine itself).")
    try:
        return ssl.create_default_context(cafile=place.ca_file)
    except OSError as error:
        raise SettingsWrong(f"kms_ca_file cannot be read: {error.strerror}.") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
