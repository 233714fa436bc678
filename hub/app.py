"""The hub's application: all routes, put together on an open hub."""

from importlib.metadata import version

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from hub.api import admin, auth, blobs, exporting, matching, public, sync, uploads
from hub.api.access import provide_visitor
from hub.api.context import STATE_KEY, Context, provide_context
from hub.api.metrics import watched
from hub.api.problems import answer
from hub.console import routes as console


def create_app(context: Context) -> ASGIApp:
    """The ASGI application. The hub stays open for as long as it runs; whoever opened it closes it."""
    return watched(make_app(context), context.metrics)


def make_app(context: Context) -> Litestar:
    """What is inside: all routes."""
    return Litestar(
        route_handlers=[
            *(public.page, public.healthz, public.readyz, public.metrics),
            *(
                sync.router,
                admin.router,
                auth.router,
                uploads.router,
                blobs.router,
                exporting.router,
                matching.router,
                console.router,
            ),
        ],
        dependencies={
            "context": Provide(provide_context, sync_to_thread=False),
            "visitor": Provide(provide_visitor),
        },
        exception_handlers={Exception: answer},
        openapi_config=OpenAPIConfig(
            title="MedTech Edge hub",
            version=version("medtech-edge"),
            description="Where clinics exchange health records, and are administered.",
            path="/schema",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        request_max_body_size=context.hub.settings.request_bytes_max,
        state=State({STATE_KEY: context}),
        logging_config=None,
    )
