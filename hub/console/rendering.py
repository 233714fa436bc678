"""Pages become answers: one template for all, one set of headers, and the few files that pages ask for."""

import hashlib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

from hub.console import blocks
from hub.console.blocks import Page, Table

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = MappingProxyType(
    {
        "content-security-policy": POLICY,
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
)
ASSETS: Final = MappingProxyType(
    {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
)
_A_YEAR: Final = 31_536_000


@cache
def environment() -> Environment:
    """The templates. What is put into them is escaped, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("hub.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"asset": asset_address, "kind": kind}
    return made


def kind(block: object) -> str:
    """How the template calls a block."""
    return type(block).__name__.lower()


def html(page: Page, **given: Any) -> Response[str]:
    """A page as HTML. `given`: what stands around it."""
    text = environment().get_template("page.html").render(page=page, **given)
    return Response(text, media_type="text/html", status_code=page.status, headers=dict(HEADERS))


def table_file(table: Table) -> Response[str]:
    """A table as a file."""
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{table.name}.csv"'}
    # The mark at its begin lets spreadsheets know that it is UTF-8.
    return Response("\ufeff" + blocks.as_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


@cache
def asset(name: str) -> bytes:
    """A file that pages ask for."""
    return files("hub.console").joinpath("assets", name).read_bytes()


@cache
def asset_address(name: str) -> str:
    """Its address, which changes with its content: so it may be kept for as long as a browser likes."""
    return f"/admin/assets/{name}?v={hashlib.sha256(asset(name)).hexdigest()[:12]}"


def asset_answer(name: str) -> Response[bytes]:
    """A file as an answer."""
    headers = {**HEADERS, "cache-control": f"public, max-age={_A_YEAR}, immutable"}
    return Response(asset(name), media_type=ASSETS[name], headers=headers)
