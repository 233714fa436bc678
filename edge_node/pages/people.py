"""The list of patients: finding them, and each as one line."""

import re
import unicodedata
from datetime import date

import msgspec

from edge_node import same_person
from edge_node.fhir.query import parse_query
from edge_node.fhir.search_sql import Position
from edge_node.language import _
from edge_node.pages import dates, words
from edge_node.store.finding import FoundPatient
from edge_node.store.model import Stored
from edge_node.store.store import Store

ON_A_PAGE = 25
PAGES_MAX = 20
TEXT_CHARS_MAX = 200
_MARKS = re.compile("[\u0300-\u036f]")


class Place(msgspec.Struct, frozen=True):
    """Where somebody is in a list: sealed into links, so that they tell nothing. No `text`: all patients, the latest first."""

    text: str = ""
    page: int = 1
    after: Position | None = None


class Person(msgspec.Struct, frozen=True):
    """A patient as one line. `same_as`: the name on the record with which this one was merged, as it was found or stands in the list."""

    id: str
    name: str
    sex: str
    age: str
    born: str
    village: str
    phone: str
    number: str
    conflict: bool
    same_as: str = ""


class Listed(msgspec.Struct, frozen=True):
    """One page of patients. `next`: where the next begins; `more`: there are more than are ever listed."""

    people: tuple[Person, ...]
    next: Place | None
    more: bool = False


def plain(text: str) -> str:
    """What is looked for: without accents however they were typed (letters and their marks may come apart), and short."""
    letters = _MARKS.sub("", unicodedata.normalize("NFD", text[:TEXT_CHARS_MAX]))
    return " ".join(unicodedata.normalize("NFC", letters).split())


def listed(store: Store, place: Place, now_ms: int) -> Listed:
    """A page of those who are found, or of all."""
    today = dates.local_day(now_ms)
    if not place.text:
        query = parse_query("Patient", [("_sort", "-_lastUpdated"), ("_count", str(ON_A_PAGE))], now_ms=now_ms)
        page = store.search(query, place.after)
        follows = Place(page=place.page + 1, after=page.next) if page.next is not None else None
        return Listed(tuple(_listed(store, found, today) for found in page.found), follows)
    until = place.page * ON_A_PAGE
    found = store.find_patients(place.text, until + 1, today=today)
    shown = tuple(_found(store, one, today) for one in found[until - ON_A_PAGE : until])
    last = place.page >= PAGES_MAX
    more = len(found) > until
    return Listed(shown, Place(place.text, place.page + 1) if more and not last else None, more and last)


def _listed(store: Store, stored: Stored, today: date) -> Person:
    """A record's line; of one that was merged into others, with whose records hers are shown."""
    merged = bool(same_person.linked(stored, same_person.REPLACED_BY))
    others = [one for one in store.survivors(stored.id) if one.key != stored.key] if merged else []
    same_as = words.joined([person(one, today).name for one in others])
    return msgspec.structs.replace(person(stored, today), same_as=same_as)


def _found(store: Store, found: FoundPatient, today: date) -> Person:
    """The line of somebody who was found, perhaps by what stands in a record that was merged into hers."""
    other = store.read("Patient", found.same_as) if found.same_as else None
    return msgspec.structs.replace(person(found, today), same_as=person(other, today).name if other is not None else "")


def person(stored: Stored, today: date) -> Person:
    """A patient's line."""
    patient = words.decode(stored.body or b"{}")
    return Person(
        stored.id,
        words.human_name(patient.get("name")) or _("Name not recorded"),
        words.sex(patient),
        words.age(patient, today),
        dates.day(patient.get("birthDate")),
        words.village(patient),
        words.telephone(patient),
        words.main_identifier(patient),
        stored.conflict,
    )


def called(patient: Stored | None) -> str:
    """What a patient's record calls her; empty without a record, or a name."""
    return words.human_name(words.decode(patient.body).get("name")) if patient is not None and patient.body else ""


def patient_of(type_: str, id_: str, resource: words.Object) -> str:
    """The id of the patient whom a record is about, empty when it names none."""
    if type_ == "Patient":
        return id_
    for name in ("subject", "patient", "for", "individual"):
        target, target_id = words.text(words.first(resource.get(name)).get("reference")).partition("/")[::2]
        if target == "Patient":
            return target_id
    return ""
