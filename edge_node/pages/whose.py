"""Whose a record is, with what bears on nearly every clinical question: sex, age, and whether she is pregnant."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.forms.context import decode
from edge_node.language import clinical
from edge_node.language.digits import amount
from edge_node.language.readers import reader
from edge_node.maternal.course import course
from edge_node.maternal.dating import age_on
from edge_node.maternal.facts import is_over
from edge_node.maternal.record import read_mother
from edge_node.pages import words
from edge_node.store.model import Stored
from edge_node.store.store import Store

_TELLING: Final = frozenset({"EpisodeOfCare", "Observation", "Condition"})
"""Types of which one at least is there when a pregnancy is known."""


def line(store: Store, sight: Sight, patient_id: str, today: date) -> str:
    """`Female · 29 years · pregnant, 24 weeks and 3 days`, as far as it is for who asks; empty for a patient who is not here."""
    try:
        everything = [stored for stored in store.everything(patient_id) if sight.sees(stored)]
    except NotFound:
        return ""
    return of_records(everything, today, clinical_too=sight.sees_all)


def of_records(everything: Sequence[Stored], today: date, *, clinical_too: bool) -> str:
    """The same of the patient who is the first of her records. Not `clinical_too`: nothing of a pregnancy is said."""
    if not everything or everything[0].body is None or everything[0].type != "Patient":
        return ""
    patient = words.decode(everything[0].body)
    pregnant = pregnancy(everything, today) if clinical_too else ""
    return words.joined([words.sex(patient), words.age(patient, today), pregnant], " · ")


def pregnancy(everything: Sequence[Stored], today: date) -> str:
    """`pregnant, 24 weeks and 3 days`; empty when she is not, as far as is known."""
    if not any(stored.type in _TELLING for stored in everything):
        return ""
    patient = everything[0]
    if b'"male"' in (patient.body or b""):
        return ""
    mother = read_mother(patient.id, [decode(stored.body) for stored in everything if stored.body is not None])
    going = [each for each in mother.pregnancies if not is_over(each)]
    known = course(going[-1]) if going else None
    if known is None or known.until < today or mother.dead:
        return ""
    age = age_on(known.used.expected, today) if known.used is not None else None
    if age is None:
        return clinical("pregnant, it is not known how long")
    weeks, days = (amount(str(number), reader().locale) for number in (age.weeks, age.days))
    return clinical("pregnant, %(weeks)s weeks and %(days)s days", weeks=weeks, days=days)
