"""What a request's headers say about versions, times and the wanted answer.

Source: RFC 9110 (conditional requests), RFC 7240 (Prefer), https://hl7.org/fhir/R4/http.html#concurrency
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

import msgspec

from edge_node.api.outcome import Refused

_TAG = re.compile(r'\s*(?:W/)?(?:"([^"]*)"|([^\s",]+))\s*')
ANY = "*"


class Preferences(msgspec.Struct, frozen=True):
    """`Prefer`: `returned` is minimal, representation or OperationOutcome; `handling` strict or lenient."""

    returned: str = "representation"
    handling: str = "lenient"


def etag(version: str) -> str:
    """`W/"version"`: FHIR's ETags are weak."""
    return f'W/"{version}"'


def tags(header: str) -> tuple[str, ...]:
    """The versions that an If-Match or If-None-Match names, with or without `W/` and quotes. `*` stands for itself."""
    found: list[str] = []
    for part in header.split(","):
        match = _TAG.fullmatch(part)
        if match is None:
            raise Refused(
                400, "value", "An entity tag is malformed", 'Write it as W/"version", as the ETag header showed it'
            )
        found.append(match[1] if match[1] is not None else match[2])
    return tuple(found)


def if_match(headers: Mapping[str, str]) -> str | None:
    """The one version that If-Match names, `*`, or None."""
    header = headers.get("if-match")
    if header is None or not header.strip():
        return None
    named = tags(header)
    if len(named) > 1:
        raise Refused(400, "value", "If-Match names several versions", "Name the one that you changed")
    return named[0]


def unchanged(headers: Mapping[str, str], version: str, updated_ms: int) -> bool:
    """Whether a read is answered by 304: the client has this version, or nothing changed since it looked."""
    header = headers.get("if-none-match")
    if header is not None:
        named = tags(header)
        return version in named or ANY in named
    since = headers.get("if-modified-since")
    if since is None:
        return False
    moment = http_date(since)
    return moment is not None and updated_ms // 1000 <= int(moment.timestamp())


def http_date(text: str) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7); None when it is none, since such a header is to be passed over."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def last_modified(updated_ms: int) -> str:
    """The header's form of a time in ms since 1970 UTC."""
    return _http_date(updated_ms // 1000)


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def preferences(headers: Mapping[str, str]) -> Preferences:
    """What `Prefer` asks for. Unknown preferences are passed over (RFC 7240, 2)."""
    header = headers.get("prefer", "")
    if not header:
        return _DEFAULT
    wanted: dict[str, str] = {}
    for part in re.split("[,;]", header):
        name, _, value = part.partition("=")
        wanted.setdefault(name.strip().lower(), value.strip().strip('"'))
    returned = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}
    handling = wanted.get("handling", "").lower()
    return Preferences(
        returned.get(wanted.get("return", "").lower(), "representation"),
        handling if handling in ("strict", "lenient") else "lenient",
    )


_DEFAULT = Preferences()
