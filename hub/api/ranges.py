"""Which part of a file is asked for, and whether the client has it already: RFC 9110, sections 13 and 14, for strong entity tags."""

import re
from typing import Final

from msgspec import Struct

from hub.errors import RangeWrong

_RANGE: Final = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)


class Part(Struct, frozen=True):
    """Bytes of a file, `stop` not among them."""

    start: int
    stop: int


def has_it(if_none_match: str | None, etag: str) -> bool:
    """Whether the client says that it has this file. Weak comparison, as If-None-Match wants it."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


def asked_part(range_: str | None, if_range: str | None, etag: str, size: int) -> Part | None:
    """The one part that is asked for; None for the whole file. Raises `RangeWrong`.

    Several parts at once are answered with the whole file, as a server may (section 14.2): nobody needs them, and they are a way to
    make a server send much for little. So is what is not understood, and a part of another file than this (If-Range).
    """
    if range_ is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _RANGE.fullmatch(range_.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    if last and first and int(last) < int(first):
        return None
    if start >= size or start >= stop:
        raise RangeWrong(size)
    return Part(start, stop)
