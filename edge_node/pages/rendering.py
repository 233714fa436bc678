"""Templates become answers: one environment, one set of headers, and the few files that pages ask for."""

import hashlib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response, get
from litestar.params import FromPath

from edge_node.errors import NotFound
from edge_node.language import Text, clinical, ngettext, npgettext, pgettext, reader
from edge_node.language import _ as gettext
from edge_node.language.choosing import menu
from edge_node.language.digits import amount, in_digits
from edge_node.pages import codes

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; manifest-src 'self'; worker-src 'self'; "
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
ASSETS = MappingProxyType(
    {
        "clinic.css": "text/css",
        "offline.css": "text/css",
        "clinic.js": "text/javascript",
        "htmx.js": "text/javascript",
        "vault.js": "text/javascript",
        "offline.js": "text/javascript",
        "live.js": "text/javascript",
        "upload.js": "text/javascript",
        "icon.svg": "image/svg+xml",
        "icon-192.png": "image/png",
        "icon-512.png": "image/png",
        "icon-maskable-512.png": "image/png",
    }
)
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
        extensions=["jinja2.ext.i18n"],
    )
    # Our own functions fill in what is given themselves, so what they answer is escaped like any other text.
    made.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=False, pgettext=pgettext, npgettext=npgettext
    )
    made.policies["ext.i18n.trimmed"] = True
    made.globals |= {"asset": asset_address, "number": number, "measured": measured, "clinical": clinical}
    made.globals |= {"reader": reader, "languages": menu, "role_said": codes.role}
    made.filters["said"] = said
    return made


def number(value: int) -> str:
    """A count as the reader writes it."""
    return in_digits(f"{value:,}", reader().locale)


def measured(written: str) -> str:
    """An amount with all its digits, as the reader writes it."""
    return amount(written, reader().locale)


def said(text: Text | str | None) -> str:
    """A text of a table in words; nothing for none."""
    return "" if text is None else str(text)


def render(template: str, **given: Any) -> str:
    """A template's text. `path`: the page that a change of language leads back to.

    Raises ValueError when something given would hide a function of all templates: the page's frame would call it in vain.
    """
    made = environment()
    hidden = given.keys() & made.globals.keys()
    if hidden:
        raise ValueError(f"{template} may not be given {', '.join(sorted(hidden))}")
    return made.get_template(template).render(**{"path": "/", **given})


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


@get("/assets/{name:str}")
async def assets(name: FromPath[str]) -> Response[bytes]:
    """The files that pages ask for."""
    if name not in ASSETS:
        raise NotFound()
    return asset_answer(name)
