"""JSON text as values have it: compact, bounded, its digits kept, and compared by what it says."""

import json
import re

import msgspec

from sync_protocol import bounds
from sync_protocol.errors import MalformedJson, TooLarge

_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]')


def compact(text: bytes, depth_max: int = bounds.JSON_DEPTH_MAX) -> bytes:
    """JSON text without insignificant white space, every other byte as it was. Raises MalformedJson."""
    text = packed(text)
    if depth_over(text, depth_max):
        raise MalformedJson(f"nested deeper than {depth_max}")
    return text


def packed(text: bytes) -> bytes:
    """The same, however deep it nests."""
    try:
        text.decode()
        return msgspec.json.format(text, indent=-1)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson("not JSON in UTF-8") from error


def depth_over(text: bytes, limit: int) -> bool:
    """Whether JSON text nests deeper than `limit`, without recursion."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    depth = 0
    for token in _BRACKETS.finditer(text):
        first = text[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def check_value(value: bytes) -> None:
    """That a register's value is compact JSON within bounds. Raises MalformedJson or TooLarge."""
    if len(value) > bounds.VALUE_BYTES_MAX:
        raise TooLarge(f"a value of {len(value)} bytes; at most {bounds.VALUE_BYTES_MAX}")
    if compact(value) != value:
        raise MalformedJson("a value with insignificant white space")


def same(a: bytes | None, b: bytes | None) -> bool:
    """Whether two values say the same: equal but for the order of members and for how letters are escaped, both of which clients
    change without meaning to. Digits count: 6.0 is not 6.00."""
    if a == b:
        return True
    if a is None or b is None:
        return False
    return sense(a) == sense(b)


def sense(value: bytes) -> str:
    """What a value says, as text: members in order, letters as they are, numbers with their digits. Marked by half a surrogate pair,
    which no accepted JSON holds, numbers are unlike any string (and unlike `true`, which Python would take for 1)."""
    try:
        return json.dumps(json.loads(value, parse_float=_digits, parse_int=_digits), sort_keys=True)
    except (ValueError, RecursionError):
        return value.hex()  # no JSON: it says itself


def _digits(text: str) -> str:
    return f"\ud800{text}"
