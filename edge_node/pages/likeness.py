"""Patients who may be meant: by a name that was typed, or by all that was typed while registering."""

from datetime import date

from msgspec import Struct

from edge_node.forms.context import Held
from edge_node.forms.parsing import Found
from edge_node.forms.reading import Sent
from edge_node.language import _
from edge_node.pages import people, words
from edge_node.pages.people import Person
from edge_node.store.store import Store

SHOWN_MAX = 5
_LETTERS_MIN = 2


class Alike(Struct, frozen=True):
    """A patient who may be the one that is being registered. `why`: what both have in common, in words."""

    id: str
    name: str
    about: str
    why: tuple[str, ...] = ()


def named(store: Store, typed: str, today: date) -> list[Found]:
    """Patients of a name that was typed."""
    text = people.plain(typed)
    if len(text) < _LETTERS_MIN:
        return []
    found = (people.person(stored, today) for stored in store.find_patients(text, SHOWN_MAX))
    return [Found(one.id, one.name, about(one)) for one in found]


def similar(store: Store, sent: Sent, today: date) -> tuple[Alike, ...]:
    """Registered patients who are likely to be the one that a registration form describes; best first.

    The only place where a form asks for them: whoever finds them better does it here.
    """
    given, family = (people.plain(next(iter(sent.get(name, ())), "")) for name in ("given", "family"))
    if len(given) < _LETTERS_MIN or len(family) < _LETTERS_MIN:
        return ()
    found = (people.person(stored, today) for stored in store.find_patients(f"{given} {family}", SHOWN_MAX))
    return tuple(Alike(one.id, one.name, about(one)) for one in found)


def person(held: Held, today: date) -> Found:
    """Whom a form is about, for the head of its page."""
    patient = dict(held.resource)
    name = words.human_name(patient.get("name")) or _("Name not recorded")
    line = words.joined([words.sex(patient), words.age(patient, today), words.village(patient)], " · ")
    return Found(held.id, name, line)


def about(one: Person) -> str:
    """What tells a patient from others of her name."""
    return words.joined([one.sex, one.age, one.village, one.phone, one.number], " · ")
