"""Whether something that must not be readable can be read somewhere: as it is, or in any of the forms that programs write text in."""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache

NOTHING = re.compile(rb"\0{64,}")
"""Most of a file of the write-ahead log, and looked through for nothing."""
BYTES_MIN = 8
"""Shorter ones stand in random bytes by chance."""


@cache
def forms(word: str) -> frozenset[bytes]:
    """A text as bytes: in the encodings of text, composed and decomposed, in capitals and small letters, backwards, in hex, in base64
    at each of its three places, escaped as JSON does, and as percent signs."""
    texts = {
        unicodedata.normalize(kind, spelled)
        for spelled in (word, word.lower(), word.upper(), word[::-1], word.casefold())
        for kind in ("NFC", "NFD")
    }
    raw = {text.encode(code, "ignore") for text in texts for code in ("utf-8", "utf-16-le", "utf-16-be", "latin-1")}
    raw |= {text.encode("ascii", "backslashreplace") for text in texts}
    whole = {one for one in raw if len(one) >= BYTES_MIN}
    plain = {text.encode() for text in texts}
    coded = {one.hex().encode() for one in plain} | {one.hex().upper().encode() for one in plain}
    for one in plain:
        for before in range(3):
            text = b64encode(bytes(before) + one)
            coded.add(text[4 * (before > 0) : 4 * ((before + len(one)) // 3)])
        coded.add("".join(f"%{byte:02X}" for byte in one).encode())
    return frozenset(whole | {one for one in coded if len(one) >= BYTES_MIN})


def traces(content: bytes, words: Sequence[str]) -> list[str]:
    """Those of the words that can be read in it in some form."""
    told = NOTHING.sub(b"\0" * BYTES_MIN, content)
    return [word for word in words if any(form in told for form in forms(word))]


def whole_words(texts: Iterable[str]) -> list[str]:
    """Texts that are long enough to be looked for."""
    return [text for text in texts if len(text.encode()) >= BYTES_MIN]
