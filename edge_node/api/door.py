"""Every request comes through here: bounds, same-origin, security headers, time taken. FHIR paths go on to `fhir.py`, all else to Litestar.

An ASGI application around both, so that what has no route is bounded, protected and measured like the rest.
"""

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from edge_node.api.body import check_length, too_large
from edge_node.api.fhir import Fhir
from edge_node.api.measures import Measures
from edge_node.api.outcome import Answered, Refused, as_outcome, as_problem
from edge_node.api.places import check_same_origin, origin

URL_CHARS_MAX = 64_000
HEADERS_MAX = 100
HEADER_BYTES_MAX = 32_000
SLOW_SECONDS = 1.0
LISTENING = frozenset({"/events", "/ws"})
"""Where an answer lasts as long as somebody listens."""

_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DEFAULTS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Unless the answer says otherwise. Records do not stay in the cache of a shared browser."""
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")

log = structlog.get_logger("edge_node.api")


class Door:
    """The application that a server runs. `app` answers what is not FHIR."""

    def __init__(self, app: Litestar, fhir: Fhir, measures: Measures, *, body_bytes_max: int) -> None:
        self.app = app
        self._fhir = fhir
        self._measures = measures
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._request(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        state = scope.setdefault("state", {})
        status = 0
        is_fhir = _is_fhir(scope["path"])
        secure = scope["scheme"] == "https"
        transport = secure and not _is_own_machine(scope["headers"])

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if is_fhir and not secure:
                    message["headers"] = [*message["headers"], *_HEADERS, *_DEFAULTS]
                else:
                    message["headers"] = _protected(message["headers"], transport)
            await send(message)

        try:
            await self._admit(scope, receive, answer)
        except Exception as error:
            state["error"] = error
            if status:
                raise
            await _send(answer, as_outcome(error) if is_fhir else as_problem(error))
        finally:
            self._measure(scope, status, perf_counter() - begun)

    async def _admit(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = scope["state"]["headers"] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        _check_bounds(scope)
        check_length(headers.get("content-length"), self._body_bytes_max)
        check_same_origin(scope["method"], scope["path"], headers)
        if _is_fhir(scope["path"]):
            await self._fhir(scope, receive, send)
        else:
            origin(scope["scheme"], headers)
            await self.app(scope, _bounded(receive, self._body_bytes_max), send)

    def _measure(self, scope: HTTPScope, status: int, seconds: float) -> None:
        state = scope["state"]
        template = state.get("template") or scope.get("path_template") or "?"
        self._measures.request(scope["method"], str(template), status, seconds)
        error = state.get("error")
        if status >= 500 or status == 0:
            log.error("request failed", method=scope["method"], route=template, status=status, error=_kind(error))
        elif seconds > SLOW_SECONDS and template not in LISTENING:
            log.warning("slow request", method=scope["method"], route=template, status=status, ms=round(seconds * 1000))


def _is_own_machine(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the client calls us `localhost`. What it is told of that name would bind every other program of that machine too."""
    return any(name == b"host" and value.partition(b":")[0] == b"localhost" for name, value in headers)


def _is_fhir(path: str) -> bool:
    return path == "/fhir" or path.startswith("/fhir/")


def _check_bounds(scope: HTTPScope) -> None:
    """Raises Refused: 414 for too long an address, 431 for too many headers."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > URL_CHARS_MAX:
        raise Refused(414, "too-long", "The address is too long", "Search by POST _search")
    headers = scope["headers"]
    if not isinstance(headers, list | tuple):
        headers = list(headers)
    if len(headers) > HEADERS_MAX or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES_MAX:
        raise Refused(431, "too-long", "There are too many headers", "Send fewer")


def _bounded(receive: Receive, bytes_max: int) -> Receive:
    """Receives a body up to a bound, also one that does not say how long it is."""
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > bytes_max:
                raise too_large(bytes_max)
        return message  # type: ignore[return-value]

    return bounded  # type: ignore[return-value]


def _protected(headers: object, secure: bool) -> list[tuple[bytes, bytes]]:
    """The answer's headers with those that protect its reader."""
    given = [(bytes(name), bytes(value)) for name, value in headers]  # type: ignore[attr-defined]
    names = {name.lower() for name, _ in given}
    given += [header for header in _HEADERS if header[0] not in names]
    given += [header for header in _DEFAULTS if header[0] not in names]
    if secure:
        given.append(_TRANSPORT)
    return given


def _kind(error: object) -> str:
    """An error's class and where it was raised: its text could hold anything."""
    if not isinstance(error, BaseException):
        return "none"
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(error).__name__} at " + " > ".join(places[-6:])


async def _send(send: Callable[[Message], Awaitable[None]], answered: Answered) -> None:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answered.headers]
    headers.append((b"content-length", str(len(answered.body)).encode()))
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body, "more_body": False})
