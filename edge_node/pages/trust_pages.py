"""`/trust`: how a device is told to trust this clinic's own certificate authority, and the little that answers without HTTPS.

It is asked for before a device trusts, so without HTTPS, where somebody on the clinic's Wi-Fi could put another certificate in its place:
that is what the fingerprint is for, which people compare with the one on the clinic's computer or on the printed page.
"""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from edge_node.language import N_, _
from edge_node.pages import codes_on_cards, dates, language_pages, rendering
from edge_node.pages.reach import Beginning
from edge_node.tls import interfaces, trust
from edge_node.tls.keeping import Kept
from edge_node.tls.serving import Certificates

_OVER = Beginning("/", N_("To the patients"))
"""Where it goes on by HTTPS."""
_SAVE_AS = 'attachment; filename="{}"'
_CHOICE_BYTES_MAX = 2048
"""Without HTTPS nothing larger is read than the choice of a language."""


class Trust:
    """What there is to trust, and where. The ports are known when the listeners are there. `language`: the clinic's locale."""

    def __init__(self, certificates: Certificates, now_ms: Callable[[], int], language: str = "en") -> None:
        self.certificates = certificates
        self.now_ms = now_ms
        self.language = language
        self.port = 0
        self.secure_port = 0

    @property
    def kept(self) -> Kept:
        """The authority, and what this machine is called now."""
        return self.certificates.kept


def handlers(given: Trust) -> list[Any]:
    """The page and the two files."""

    @get("/trust")
    async def page(request: Request[Any, Any, Any]) -> Response[str]:
        authority = given.kept.authority
        host = host_for_devices(request.headers.get("host", ""), given.kept)
        address = f"http://{bracketed(host)}:{given.port}/trust"
        now = given.now_ms()
        return rendering.page(
            "trust.html",
            path="/trust",
            name=trust.name(authority),
            fingerprint=trust.fingerprint(authority),
            address=address,
            pages=f"https://{bracketed(host)}:{given.secure_port}/",
            code=codes_on_cards.drawn(address),
            today=f"{dates.day(dates.local_day(now).isoformat())}",
            until=dates.day(authority.parsed().not_valid_after_utc.date().isoformat()),
        )

    @get("/trust/clinic.crt")
    async def certificate() -> Response[bytes]:
        return _file(given.kept.authority.certificate, trust.CERTIFICATE_MEDIA, "clinic.crt")

    @get("/trust/clinic.mobileconfig")
    async def profile() -> Response[bytes]:
        return _file(trust.profile(given.kept.authority), trust.PROFILE_MEDIA, "clinic.mobileconfig")

    return [page, certificate, profile]


def make_plain(given: Trust, port: int, secure_port: int) -> Litestar:
    """What answers without HTTPS, on `port`: the way to the pages on `secure_port`, and how to trust them. Nothing of patients."""
    given.port, given.secure_port = port, secure_port

    @get("/")
    async def over() -> Response[None]:
        """The steps, with a way on: a browser that does not trust the clinic yet would warn of the pages themselves."""
        # Not for ever: a browser that remembers it would not find this way again when the ports change.
        return Response(None, status_code=307, headers={**rendering.HEADERS, "location": "/trust"})

    return Litestar(
        route_handlers=[over, *handlers(given), *language_pages.handlers(), rendering.assets],
        before_request=language_pages.reads(given.language),
        request_max_body_size=_CHOICE_BYTES_MAX,
        openapi_config=None,
        exception_handlers={Exception: _nothing, HTTPException: _nothing},
        logging_config=None,
        state=State(),
    )


def host_for_devices(header: str, kept: Kept) -> str:
    """By which host another device can call this machine: an address, since many clinics' networks resolve no names, and since a browser
    that has been told of a name to use HTTPS only does not come back to a page without it."""
    called = named(header)
    others = interfaces.reachable(list(kept.names))
    if called in others:
        return called
    return others[0] if others else called or "localhost"


def named(header: str) -> str:
    """The host in a Host header, without port and brackets; empty when it holds none."""
    host = header.rpartition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    host = host.lower()
    return host if interfaces.is_host(host) or interfaces.as_address(host) is not None else ""


def bracketed(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _file(content: bytes, media: str, name: str) -> Response[bytes]:
    headers = {**rendering.HEADERS, "content-disposition": _SAVE_AS.format(name)}
    return Response(content, media_type=media, headers=headers)


def _nothing(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Whatever else is asked for without HTTPS is not there, and is not said in words that could hold what was asked for."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    title, advice = _("There is nothing here"), _("The pages of this clinic are reached by HTTPS.")
    if not 400 <= status < 500:
        status = 500
    return rendering.page(
        "problem.html", status, title=title, advice=advice, begins=_OVER, logged_in=False, locked=False
    )
