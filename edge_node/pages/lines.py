"""What a record is on a page: one line, and what lines of all types have in common."""

import msgspec

from edge_node.language import _
from edge_node.pages import codes, dates
from edge_node.pages.elements import anything
from edge_node.pages.words import Object, code_of, concept, objects, text, unnamed


class Line(msgspec.Struct, frozen=True):
    """A record in words. `sort` orders by time; `over`: not any more so; `wrong`: entered by mistake, or found untrue;
    `danger`: to be seen first; `tone`: `high`, `low`, `odd` or nothing; `parts`: name and value of the parts of a result;
    `exact`: a value as it was written, when `value` is rounded; `denies`: it says that there is no such danger."""

    what: str
    when: str = ""
    sort: str = ""
    value: str = ""
    notes: tuple[str, ...] = ()
    state: str = ""
    over: bool = False
    wrong: bool = False
    danger: bool = False
    tone: str = ""
    tone_words: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    category: str = ""
    exact: str = ""
    denies: bool = False


def when(resource: Object, *names: str) -> tuple[str, str]:
    """The first of some dates or periods that is there: in words, and as it is ordered."""
    for name in names:
        value = resource.get(name)
        if isinstance(value, dict):
            if dates.period(value):
                return dates.period(value), dates.order(value.get("start") or value.get("end"))
            if anything(value):
                return anything(value), ""
        elif isinstance(value, str):
            return dates.day(value), dates.order(value)
    return "", ""


def notes(resource: Object) -> tuple[str, ...]:
    return tuple(filter(None, (text(note.get("text")) for note in objects(resource.get("note")))))


def status(resource: Object, name: str = "status") -> tuple[str, bool, bool]:
    """State in words, whether it is over, whether it is wrong."""
    value = resource.get(name)
    code = code_of(value) if isinstance(value, dict) else text(value)
    said = concept(value) if isinstance(value, dict) and text(value.get("text")) else codes.state(code)
    return said, code in codes.PAST, code in ("entered-in-error", "refuted")


def unless(state: str, *usual: str) -> str:
    """A state in words; nothing where it is what one of these codes is called, in the reader's language: that goes without saying."""
    return "" if state in map(codes.state, usual) else state


def named(words_: str, otherwise: str) -> str:
    """What a record is called, or that it has no name."""
    return words_ or nameless(otherwise)


def nameless(thing: str) -> str:
    """Something without a name: `Allergy without a name`."""
    return _("%(thing)s without a name", thing=f"{thing[:1].upper()}{thing[1:]}")


def best(*said: str) -> str:
    """The first of several names that is more than a code."""
    given = [one for one in said if one]
    return next((one for one in given if not one.startswith(unnamed())), given[0] if given else "")
