"""Templates become answers: one environment, one set of headers, and the few files that pages ask for."""

import hashlib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = MappingProxyType(
    {
        "content-security-policy": POLICY,
        # With no-referrer, browsers name no origin in a form's request, and without TLS nothing else says where it comes from.
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
    }
)
HTML = "text/html"
ASSETS = MappingProxyType({"clinic.css": "text/css", "clinic.js": "text/javascript", "icon.svg": "image/svg+xml"})
_A_YEAR = 31_536_000


@cache
def environment() -> Environment:
    """The templates. What is put into them is escaped, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("edge_node.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_address
    return made


def render(template: str, **given: Any) -> str:
    """A template's text."""
    return environment().get_template(template).render(**given)


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **given: Any) -> Response[str]:
    """A page."""
    text = render(template, **given)
    return Response(text, media_type=HTML, status_code=status, headers={**HEADERS, **(headers or {})})


def redirect(path: str, cookies: list[Any] | None = None) -> Response[None]:
    """To another page, which is asked for by GET."""
    return Response(None, status_code=303, headers={**HEADERS, "location": path}, cookies=cookies or [])


@cache
def asset(name: str) -> bytes:
    """A file that pages ask for."""
    return files("edge_node.pages").joinpath("assets", name).read_bytes()


@cache
def asset_address(name: str) -> str:
    """Its address, which changes with its content: so it may be kept for as long as a browser likes."""
    return f"/assets/{name}?v={hashlib.sha256(asset(name)).hexdigest()[:12]}"


def asset_answer(name: str) -> Response[bytes]:
    """A file as an answer."""
    headers = {**HEADERS, "cache-control": f"public, max-age={_A_YEAR}, immutable"}
    return Response(asset(name), media_type=ASSETS[name], headers=headers)
