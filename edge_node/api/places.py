"""Addresses: what this server is called by the one who asks, and whether a browser's request comes from its own pages."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from edge_node.api.access import COOKIE, cookie_value
from edge_node.api.outcome import Refused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch


@lru_cache(maxsize=64)
def _origin(scheme: str, host: str) -> str:
    if not _HOST(host):
        raise Refused(400, "value", "The Host header is no host", "Send the address of this node")
    return f"{scheme}://{host}"


def origin(scheme: str, headers: Mapping[str, str]) -> str:
    """`scheme://host[:port]` as the client named it. Raises Refused for a Host that is none."""
    return _origin(scheme, headers.get("host", "localhost"))


def check_same_origin(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Raises Refused (403) for a request that changes something, is logged in by cookie, and does not come from our own pages.

    Browsers say where a request comes from (Sec-Fetch-Site, Origin); one that says nothing cannot use a cookie to write, but may log
    in: that is a program, which has no page to be tricked by.
    """
    if method in SAFE:
        return
    login = path.startswith("/auth/")
    by_cookie = "authorization" not in headers and cookie_value(headers.get("cookie"), COOKIE) is not None
    if not by_cookie and not login:
        return
    if not from_here(headers, otherwise=login):
        raise Refused(403, "forbidden", "This comes from another site", "Use the node's own pages, or a bearer token")


def from_here(headers: Mapping[str, str], *, otherwise: bool) -> bool:
    """Whether a browser says that its request comes from our own pages; `otherwise` when nothing is said."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin_ = headers.get("origin")
    if origin_ is not None:
        return urlsplit(origin_).netloc.lower() == headers.get("host", "").lower()
    return otherwise
