"""FHIR over HTTP: an ASGI application for everything below `/fhir`.

It is not built of framework routes: FHIR's paths are one small table (`routes.py`), and a read of one resource, the commonest
request, passes through as little as can be.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope, Receive, Send

from edge_node.api import bundles, capability, history, interactions, media, operations, searching, transactions
from edge_node.api.access import Access
from edge_node.api.body import read_body
from edge_node.api.incoming import check_writable
from edge_node.api.messages import Request, Response, document
from edge_node.api.outcome import as_outcome
from edge_node.api.places import origin
from edge_node.api.routes import Route, instance, route, segments
from edge_node.api.service import Service
from edge_node.api.threads import Threads

Interaction = Callable[[Service, Request, Route], Response]

QUICK: dict[str, Interaction] = {"read": interactions.read}
"""On the event loop."""
READS: dict[str, Interaction] = {
    "vread": interactions.vread,
    "search": searching.search,
    "history": history.history,
    "operation": operations.operation,
}
WRITES: dict[str, Interaction] = {
    "create": interactions.create,
    "update": interactions.update,
    "patch": interactions.patch,
    "delete": interactions.delete,
    "conditional-update": interactions.conditional_update,
    "conditional-patch": interactions.conditional_patch,
    "conditional-delete": interactions.conditional_delete,
}
_ALL = {**QUICK, **READS, **WRITES}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Fhir:
    """The application. `changed` is called after each write that was committed."""

    def __init__(
        self,
        service: Service,
        access: Access,
        threads: Threads,
        changed: Callable[[], None],
        *,
        body_bytes_max: int,
        public_url: str = "",
        version: str,
        released: str,
    ) -> None:
        self._service = service
        self._access = access
        self._threads = threads
        self._changed = changed
        self._body_bytes_max = body_bytes_max
        self._public_url = public_url
        self._version = version
        self._released = released

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers one request; what goes wrong is an OperationOutcome."""
        try:
            response = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - every error becomes an answer, here and only here
            scope["state"]["error"] = error
            answered = as_outcome(error)
            response = Response(answered.status, answered.body, answered.headers)
        body = b"" if scope["method"] == "HEAD" or response.status in (204, 304) else response.body
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
        length = len(response.body) if scope["method"] == "HEAD" else len(body)
        if response.status not in (204, 304):
            headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, scope: HTTPScope, receive: Receive) -> Response:
        raw_path = scope["raw_path"].partition(b"?")[0].decode("latin-1")[len("/fhir") :]
        method = scope["method"]
        scope["state"]["template"] = "/fhir/?"
        path = segments(raw_path)
        found = instance(method, raw_path) or route(method, path)
        scope["state"]["template"] = found.template
        headers: dict[str, str] = scope["state"]["headers"]
        query = _query(scope["query_string"])
        wanted = dict(query)
        media.check_accept(headers, wanted.get("_format"))
        base = f"{self._public_url or origin(scope['scheme'], headers)}/fhir"
        if found.interaction == "capabilities":
            response = document(capability.statement(base, self._version, self._released))
        else:
            caller = self._access.caller(headers.get("authorization"), headers.get("cookie"))
            body = await read_body(headers, receive, self._body_bytes_max) if method in _WITH_BODY else b""
            request = Request(method, path, query, caller.author, caller.sight, base, headers, body)
            response = await self.interact(request, found)
        if wanted.get("_pretty") == "true" and response.body:
            pretty = msgspec.json.format(response.body, indent=2)
            return msgspec.structs.replace(response, body=pretty)
        return response

    async def interact(self, request: Request, found: Route) -> Response:
        """Does what a request asks for, on the thread it belongs to."""
        name = found.interaction
        if name == "bundle":
            return await self._bundle(request)
        if name in QUICK and found.type != "AuditEvent":
            return QUICK[name](self._service, request, found)
        if name not in WRITES:
            return await self._threads.search(_ALL[name], self._service, request, found)
        check_writable(found.type or "")
        request.sight.check_writes(found.type or "")
        response = await self._threads.write(WRITES[name], self._service, request, found)
        self._changed()
        return response

    async def _bundle(self, request: Request) -> Response:
        kind, entries = bundles.read_bundle(request)
        if kind == "batch":
            return await bundles.batch(request, entries, self.interact)
        response = await self._threads.write(transactions.transaction, self._service, request, entries, _reading)
        self._changed()
        return response


def _reading(service: Service, request: Request, found: Route) -> Response:
    """Answers an entry of a transaction that only reads."""
    return _ALL[found.interaction](service, request, found)


def _query(raw: bytes) -> tuple[tuple[str, str], ...]:
    if not raw:
        return ()
    return tuple(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=1_000))
