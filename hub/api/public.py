"""What anybody may ask: a page that tells what this is, health, readiness, metrics."""

from importlib.metadata import version
from typing import Final

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.api.answers import answers
from hub.api.context import Context
from hub.errors import MigrationFault, PostgresFault
from hub.postgres.migrate import head, present

PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>MedTech Edge hub</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}
code{{background:#8881;padding:.1em .3em}}</style></head><body>
<h1>MedTech Edge hub</h1>
<p>This server is where clinics exchange their health records. People work with the clinics' own servers; nothing of a
patient is shown here.</p>
<ul>
<li>Connect a clinic: <code>medtech-hub node invite --facility ID</code> here, then
<code>medtech-edge enroll --hub ADDRESS --code CODE</code> at the clinic.</li>
<li>See what there is: <code>medtech-hub facility list</code>, <code>medtech-hub node list</code>.</li>
<li>For programs: <a href="/schema">the description of all interfaces</a>.</li>
<li>For monitoring: <a href="/healthz">health</a>, <a href="/readyz">readiness</a>, <a href="/metrics">metrics</a>.</li>
</ul>
<p><small>{hub}, version {version}</small></p>
</body></html>
"""
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@get("/", include_in_schema=False)
async def page(context: NamedDependency[Context]) -> Response[str]:
    text = PAGE.format(hub=context.hub.identity.id, version=version("medtech-edge"))
    return Response(text, media_type=MediaType.HTML, headers=PAGE_HEADERS)


@get("/healthz", summary="Whether the program runs", tags=["monitoring"])
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get(
    "/readyz",
    summary="Whether the database answers and is at this program's schema",
    tags=["monitoring"],
    responses=answers(503),
)
async def readyz(context: NamedDependency[Context]) -> dict[str, str]:
    revision = await present(context.hub.database)
    if revision is None:
        raise PostgresFault("The database is empty.", hint="Start the hub again; it makes its tables then.")
    if revision != head():
        raise MigrationFault(f"The database is at {revision}, this program at {head()}.")
    return {"status": "ready", "schema": revision}


@get("/metrics", summary="Counters for Prometheus", tags=["monitoring"], media_type=CONTENT_TYPE_LATEST)
async def metrics(context: NamedDependency[Context]) -> Response[bytes]:
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
