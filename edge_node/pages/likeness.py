"""Patients who may be meant: by a name that was typed, or by all that was typed while registering."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from msgspec import Struct

from edge_node.fhir.primitives import is_id
from edge_node.forms import registration
from edge_node.forms.answers import Dated
from edge_node.forms.fields import Field, Form, Kind
from edge_node.forms.parsing import NOBODY, WHO, Found
from edge_node.forms.reading import READERS, Impossible, Sent
from edge_node.language import N_, _
from edge_node.pages import dates, people, words
from edge_node.pages.people import Person
from edge_node.store.similar import Similar
from edge_node.store.store import Store
from sync_protocol.matching.person import person_of
from sync_protocol.matching.scoring import Share

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
    found = (people.person(stored, today) for stored in store.find_patients(text, SHOWN_MAX, today=today))
    return [Found(one.id, one.name, about(one)) for one in found]


def without_strangers(store: Store, form: Form, sent: Sent) -> Sent:
    """What was sent, without what was chosen for a person and is no patient here: that field is asked again."""
    chosen = (field.name + WHO for field in form.fields() if field.kind is Kind.PERSON)
    strangers = {
        name for name in chosen if not all(one in ("", NOBODY) or _is_here(store, one) for one in sent.get(name, ()))
    }
    return {name: given for name, given in sent.items() if name not in strangers}


def _is_here(store: Store, id_: str) -> bool:
    stored = store.read("Patient", id_) if is_id(id_) else None
    return stored is not None and stored.body is not None


def similar(store: Store, sent: Sent, today: date) -> tuple[Alike, ...]:
    """Registered patients who are likely to be the one that a registration form describes, the likeliest first, each with what agrees.

    The only place where a form asks for them.
    """
    described = _described(sent, today)
    if not described["name"]:
        return ()
    return tuple(_alike(store, one, today) for one in store.similar(described, SHOWN_MAX))


def like(store: Store, patient: dict[str, Any], most: int, today: date) -> tuple[Alike, ...]:
    """Who of those here may be the person of a decoded Patient, the likeliest first, each with what agrees; not the record itself."""
    return tuple(_alike(store, one, today) for one in store.similar(patient, most))


def _described(sent: Sent, today: date) -> dict[str, Any]:
    """As much of a Patient as was typed so far; what cannot be read yet is left out."""
    typed = {name: values[0][: people.TEXT_CHARS_MAX] for name, values in sent.items() if values and values[0].strip()}
    name = {"given": [typed.get("given", "")], "family": typed.get("family", "")}
    kin = {
        "relationship": [{"coding": [{"code": typed.get("kin_relation")}]}],
        "name": {"text": typed.get("kin_name")},
    }
    mother = {"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"text": typed.get("mother")}}
    return {
        "name": [name] if len(typed.get("given", "") + typed.get("family", "")) >= _LETTERS_MIN else [],
        "gender": typed.get("sex"),
        "telecom": [{"system": "phone", "value": typed.get("phone", "")}],
        "address": [{"city": typed.get("village", "")}],
        "identifier": [{"system": registration.NATIONAL_SYSTEM, "value": typed.get("national", "")}],
        "contact": [kin, mother],
        **_born(sent, today),
    }


def _born(sent: Sent, today: date) -> dict[str, Any]:
    try:
        dated = READERS[Kind.DATE](_BIRTH, sent, today)
    except Impossible:
        return {}
    return registration.birth(dated) if isinstance(dated, Dated) else {}


_BIRTH: Final = Field(
    name="birth", label=N_("Date of birth"), kind=Kind.DATE, partial=True, estimable=True, by_age=True
)


def _alike(store: Store, one: Similar, today: date) -> Alike:
    shown = people.person(one.patient, today)
    compared = store.read("Patient", one.same_as) if one.same_as else one.patient
    theirs = words.decode(compared.body) if compared is not None and compared.body is not None else {}
    why = (_why(share, theirs) for share in one.score.shares if share.bits > 0)
    return Alike(shown.id, shown.name, about(shown), tuple(text for text in why if text))


def _why(share: Share, theirs: words.Object) -> str:
    """What agrees, in words. That the sex does says little, and a name that is equal is seen. What is compared folded, or without spaces
    and zeros, is shown as it is written in their record."""
    if share.field == "name":
        return "" if share.how == "same" else f"{share.mine} ≈ {share.theirs}"
    label = _LABELS.get(share.field)
    if label is None:
        return ""
    match share.field:
        case "born":
            told = dates.day(share.theirs)
        case "place":
            told = words.village(theirs)
        case "phone":
            told = _number(theirs, share.theirs)
        case _:
            told = share.theirs
    return f"{label}: {told}"


def _number(theirs: words.Object, compared: str) -> str:
    """The telephone number that is compared in this way, as it is written."""
    written = (
        one for one in words.objects(theirs.get("telecom")) if person_of({"telecom": [one]}).phones == (compared,)
    )
    return words.left_to_right(next((words.text(one.get("value")) for one in written), compared))


_LABELS: Final = {
    "born": N_("Date of birth"),
    "phone": N_("Telephone"),
    "place": N_("Village or town"),
    "mother": N_("Mother"),
    "identifier": N_("National identity number"),
}


def person(id_: str, resource: Mapping[str, Any], today: date) -> Found:
    """Whom a page or a form is about, for its head."""
    patient = dict(resource)
    name = words.human_name(patient.get("name")) or _("Name not recorded")
    line = words.joined([words.sex(patient), words.age(patient, today), words.village(patient)], " · ")
    return Found(id_, name, line)


def about(one: Person) -> str:
    """What tells a patient from others of her name."""
    return words.joined([one.sex, one.age, one.village, one.phone, one.number], " · ")
