"""In which language a page is read: what its reader chose, else what her browser asks for, else the node's setting."""

import re
from functools import cache
from http.cookies import CookieError, SimpleCookie

from babel import Locale, UnknownLocaleError

from edge_node.language.catalogue import SOURCE, languages
from edge_node.language.readers import Reader

COOKIE = "medtech_language"
_TAG = re.compile(r"\s*([A-Za-z]{1,8})(?:[-_][A-Za-z0-9-_]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?").fullmatch
_HEADER_CHARS_MAX = 500


def choose(cookie: str | None, accept_language: str | None, setting: str) -> Reader:
    """Who reads. `setting` is a locale: `fr`, or `ar_SD` with the region whose digits and month names are used here."""
    known = languages()
    language = chosen(cookie) or accepted(accept_language, known) or language_of(setting)
    language = language if language in known else SOURCE
    return Reader(language, _locale(setting) if language_of(setting) == language else None)


def chosen(cookie: str | None) -> str | None:
    """The language that she chose on the menu, of a Cookie header; None when there is none."""
    if not cookie or COOKIE not in cookie:
        return None
    jar = SimpleCookie()
    try:
        jar.load(cookie)
    except CookieError:
        return None
    morsel = jar.get(COOKIE)
    return morsel.value if morsel is not None and morsel.value in languages() else None


def accepted(header: str | None, known: tuple[str, ...]) -> str | None:
    """Of an Accept-Language header the language that is liked best of those that there are. Source: RFC 9110, 12.5.4."""
    liked = []
    for place, part in enumerate((header or "")[:_HEADER_CHARS_MAX].split(",")):
        found = _TAG(part)
        if found is not None and found[1].lower() in known and float(found[2] or 1) > 0:
            liked.append((-float(found[2] or 1), place, found[1].lower()))
    return min(liked)[2] if liked else None


def language_of(locale: str) -> str:
    """`ar` of `ar_SD`."""
    return re.split("[-_]", locale)[0].lower()


def _locale(setting: str) -> Locale | None:
    if setting == language_of(setting):
        return None
    try:
        return Locale.parse(setting.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


@cache
def menu() -> tuple[tuple[str, str], ...]:
    """The languages with their own names, for the menu: `("sw", "Kiswahili")`."""
    return tuple((language, _own_name(language)) for language in languages())


def _own_name(language: str) -> str:
    name = Locale.parse(language).get_display_name(language) or language
    return name[:1].upper() + name[1:]
