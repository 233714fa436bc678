"""What lets the pages be installed and be read without the clinic's Wi-Fi: the worker, the manifest, the pages that say so, and the key.

What a browser keeps is encrypted under a key that it gets here after the login, and holds in memory alone (assets/vault.js). It is
one key a user, for all of her devices and logins, so that what she typed and could not send is hers again when she comes back, and
nobody else's. There is no way to it without this computer. A short PIN would not do: of 10,000 or a million, somebody who has copied
the browser's files tries all within minutes, however slow each try is made (at 600,000 rounds of PBKDF2-SHA-256 a graphics card of
2022 does about 15,000 tries a second).
"""

import hashlib
import os
from functools import cache
from typing import Any

import msgspec
from litestar import Request, Response, get

from edge_node.api import keys
from edge_node.language import _, reader
from edge_node.language.catalogue import languages
from edge_node.language.readers import reading
from edge_node.pages import rendering
from edge_node.pages.desk import Desk

WORKER = ("vault.js", "worker.js")
_REVALIDATED = "no-cache"
THEME = "#0b5a63"
MANIFEST = {
    "id": "/",
    "name": "MedTech Edge",
    "start_url": "/",
    "scope": "/",
    "display": "standalone",
    "background_color": "#f3f6f5",
    "theme_color": THEME,
}
ICONS = {
    "icon.svg": {"sizes": "any", "type": "image/svg+xml"},
    "icon-192.png": {"sizes": "192x192", "type": "image/png"},
    "icon-512.png": {"sizes": "512x512", "type": "image/png"},
    "icon-maskable-512.png": {"sizes": "512x512", "type": "image/png", "purpose": "maskable"},
}


class Told(msgspec.Struct, frozen=True):
    """A browser's key, in base64. `owner` tells whose it is without saying who that is."""

    owner: str
    key: bytes
    idle_seconds: int


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    secret = keys.secret(desk.store, os.urandom)

    @get("/worker.js")
    async def worker() -> Response[bytes]:
        headers = {**rendering.HEADERS, "cache-control": _REVALIDATED}
        return Response(worker_script(), media_type="text/javascript", headers=headers)

    @get("/manifest.webmanifest")
    async def manifest() -> Response[bytes]:
        headers = {**rendering.HEADERS, "cache-control": _REVALIDATED}
        return Response(manifest_text(reader().language), media_type="application/manifest+json", headers=headers)

    @get("/offline")
    async def offline() -> Response[str]:
        return rendering.page("offline.html")

    @get("/offline/kept")
    async def kept() -> Response[str]:
        return rendering.page("kept.html")

    @get("/offline/key")
    async def key(request: Request[Any, Any, Any]) -> Response[bytes]:
        caller = desk.anyone(request, active=False)
        caller.sight.check("see-patients")
        user = caller.author.user
        told = Told(owner_of(secret, user), key_of(secret, user), desk.parts.access.idle_ms // 1000)
        return Response(msgspec.json.encode(told), media_type="application/json", headers=dict(rendering.HEADERS))

    return [worker, manifest, offline, kept, key]


def key_of(secret: bytes, user: str) -> bytes:
    """A user's key for what her browsers keep: 32 bytes of the node's secret."""
    return keys.derived(secret, f"offline key {user}")


def owner_of(secret: bytes, user: str) -> str:
    """A sign for whose something is, from which nobody learns who that is."""
    return keys.derived(secret, f"offline owner {user}").hex()[:16]


@cache
def worker_script() -> bytes:
    """The worker in one file. Its first line changes with all that it fetches when it is installed: so it is installed anew."""
    parts = [rendering.asset(name) for name in WORKER]
    pages = [page.encode() for language in languages() for page in _unanswered(language)]
    version = hashlib.sha256(b"\0".join([*parts, *pages])).hexdigest()[:16]
    return b"// " + version.encode() + b"\n" + b"\n".join(parts)


def _unanswered(language: str) -> list[str]:
    """The pages that the worker keeps for when there is no answer."""
    with reading(language):
        return [rendering.render(name) for name in ("offline.html", "kept.html")]


@cache
def manifest_text(language: str) -> bytes:
    """The manifest (W3C, Web Application Manifest), in a language."""
    icons = [{"src": rendering.asset_address(name), **about} for name, about in ICONS.items()]
    with reading(language) as one:
        said = {"short_name": _("Clinic"), "lang": one.tag, "dir": one.direction}
    return msgspec.json.encode({**MANIFEST, **said, "icons": icons})
