"""HTTP to the hub: one request, one answer, and every failure as one of `edge_node.errors`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx
import msgspec

from edge_node.errors import (
    AskedTooOften,
    EdgeError,
    FoundTooLongAgo,
    HubBusy,
    HubRefused,
    HubTooNew,
    HubTooOld,
    HubUnreachable,
    IdUsedTwice,
    NotThereAnyMore,
    RevokedNode,
    SettingsWrong,
    TooLittleKnown,
)
from sync_protocol.exchange.messages import MEDIA_TYPE

CONNECT_SECONDS_MAX: Final = 20
SILENCE_SECONDS_MAX: Final = 90
"""On a link of 30 kbit/s with retransmissions, a minute may pass between two packets that arrive."""
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024

_PROBLEMS: Final[Mapping[str, type[EdgeError]]] = {
    "node-revoked": RevokedNode,
    "node-to-wipe": RevokedNode,
    "too-little-known": TooLittleKnown,
    "too-many-questions": AskedTooOften,
    "candidate-refused": FoundTooLongAgo,
    "not-found": NotThereAnyMore,
    "id-shared": IdUsedTwice,
}
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class _Problem(msgspec.Struct, frozen=True):
    type: str = ""
    title: str = ""
    detail: str = ""


class Asked(msgspec.Struct, frozen=True):
    """The body of an answer, and the bytes that went and came (bodies; TLS, TCP and headers apart)."""

    body: bytes
    sent: int
    received: int


class Busy(HubBusy):
    """As HubBusy, with the seconds that the hub asked to wait."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"The hub asks to come again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class Link:
    """A connection to one hub, kept open between exchanges."""

    def __init__(self, hub: str, credential: str, *, client: httpx.Client | None = None) -> None:
        timeout = httpx.Timeout(SILENCE_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        self._client = client or httpx.Client(timeout=timeout, headers={"User-Agent": "medtech-edge"})
        self._hub = hub.rstrip("/")
        self._headers = {"Authorization": f"Bearer {credential}"} if credential else {}

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def exchange(self, body: bytes) -> Asked:
        """One exchange. Raises what `ask` does."""
        return self.ask("/sync/v1/exchange", body, MEDIA_TYPE)

    def ask(self, path: str, body: bytes, media_type: str) -> Asked:
        """POST. Raises HubUnreachable, HubBusy, HubRefused, HubTooOld, HubTooNew, RevokedNode or SettingsWrong."""
        headers = {**self._headers, "Content-Type": media_type}
        try:
            answer = self._client.post(self._hub + path, content=body, headers=headers)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise SettingsWrong(
                f"{self._hub} is no address of a hub", hint="Write it as https://HOST or http://HOST:PORT."
            ) from error
        except httpx.HTTPError as error:
            raise HubUnreachable(f"No answer from {self._hub} ({type(error).__name__})") from error
        if answer.is_success:
            if len(answer.content) > ANSWER_BYTES_MAX:
                raise HubRefused("The answer is larger than any hub's")
            return Asked(answer.content, len(body), len(answer.content))
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> EdgeError:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    named = _PROBLEMS.get(problem.type.rpartition(":")[2])
    if named is not None:
        return named()
    if answer.status_code in _BUSY:
        asked = answer.headers.get("Retry-After", "")
        return Busy(int(asked) if asked.isdigit() else 5)
    if answer.status_code == HTTPStatus.UPGRADE_REQUIRED:
        return HubTooNew()
    if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
        return HubTooOld("The hub does not know this kind of exchange")
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HubUnreachable(f"The hub failed to answer ({answer.status_code})")
    words = problem.detail or problem.title or HTTPStatus(answer.status_code).phrase
    return HubRefused(f"{words} ({answer.status_code})")


def decoded(body: bytes) -> dict[str, Any]:
    """A JSON answer of the hub. Raises HubRefused when it is none."""
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise HubRefused("The answer is not a hub's") from error
    return found
