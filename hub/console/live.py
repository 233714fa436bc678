"""`/admin/live`: the counters of `hub.console.pulse` as server-sent events."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Stream

from hub.api.access import permitted
from hub.api.context import context_of
from hub.sessions.visitor import Visitor

RETRY_MS: Final = 2_000


@get("/live", guards=[permitted("stats.see")])
async def live(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Stream:
    listening = context_of(request).pulse.listen(visitor.region)
    first = await anext(listening, None)

    async def lines() -> AsyncIterator[bytes]:
        yield b"retry: %d\n\n" % RETRY_MS
        if first is not None:
            yield b"data: %s\n\n" % msgspec.json.encode(first)
        async for counters in listening:
            yield b"data: %s\n\n" % msgspec.json.encode(counters)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(lines(), media_type="text/event-stream", headers=headers)
