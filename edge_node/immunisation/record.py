"""A person's FHIR resources as facts: the one module here that knows FHIR.

What is not understood is told (`Read`), never guessed: an unknown vaccine and a vaccination without a date count for
nothing, and a person has to see that they are there.

* `status` decides first: `not-done` and `entered-in-error` gave nothing. WHO's ANC examples have "Reason … not
  provided" as a *completed* Immunization without a date (DE189, DE251); having no vaccine's code, it gives nothing here
  either.
* Partial dates stand for their last day: then nothing that waits comes too early.
* HIV: from Condition (infection, exposure). A child's exposure is in her mother's record; who has that gives it as a
  trait.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from edge_node.concepts import SNOMED, Coding, Concept, Table, codes_of, text_of
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.vaccines import NO_VACCINES, recognise
from edge_node.maternal.reading import is_dead

ICD10: Final = frozenset({"http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm"})
_HIV_ICD10: Final = ("B20", "B21", "B22", "B23", "B24", "Z21")
_EXPOSED_ICD10: Final = ("Z20.6",)

TRAITS: Final = Table(
    (
        Concept("hiv-infected", "HIV infection", tuple(Coding(SNOMED, code) for code in ("86406008", "91947003", "62479008"))),
        Concept("hiv-exposed", "Exposure to HIV", (Coding(SNOMED, "444356002"),)),
    )
)  # fmt: skip
"""Conditions that schedules ask for. SNOMED CT: 86406008 HIV infection, 91947003 asymptomatic HIV infection, 62479008
AIDS, 444356002 exposure to HIV. ICD-10 chapters B20 to B24 and Z21, and Z20.6 (contact with and exposure to HIV)."""

_OVER: Final = frozenset({"inactive", "remission", "resolved"})
_DOUBTED: Final = frozenset({"refuted", "entered-in-error"})


class Unclear(msgspec.Struct, frozen=True):
    """A vaccination that counts for nothing because it could not be read. `why`: `unknown-vaccine`, `no-date`. `text`:
    what it says of itself."""

    source: str
    why: str
    text: str


class Refusal(msgspec.Struct, frozen=True):
    """A vaccination that was recorded as not done. `reason`: the record's own words, "" for none. `day`: None when not
    dated."""

    vaccine: str
    day: date | None
    reason: str


class Read(msgspec.Struct, frozen=True):
    """Facts, with what a person has to know that is not in them."""

    facts: Facts
    unclear: tuple[Unclear, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def read(
    patient: Mapping[str, Any],
    resources: Iterable[Mapping[str, Any]],
    *,
    traits: frozenset[str] = frozenset(),
    pregnant_since: date | None = None,
) -> Read:
    """Facts of one patient, from her Patient and her Immunizations and Conditions (others are passed over), as decoded
    JSON.

    `traits`: those that stand elsewhere: "yellow-fever-area" (of the clinic), "hiv-exposed" (of the mother). The order of
    resources does not matter.
    """
    held = sorted(resources, key=lambda one: (str(one.get("resourceType")), str(one.get("id"))))
    vaccinations = [one for one in held if one.get("resourceType") == "Immunization"]
    given, unclear = _given(vaccinations)
    own = {"female"} if patient.get("gender") == "female" else set()
    own |= {trait for one in held if one.get("resourceType") == "Condition" for trait in _trait(one)}
    # Who is infected is no longer merely exposed, but her measles dose at six months stays right (WER 2017;92:205).
    if "hiv-infected" in own | traits:
        own.add("hiv-exposed")
    born = last_day(patient.get("birthDate"))
    facts = Facts(
        born=born[0] if born else None,
        born_exact=born is None or born[1],
        pregnant_since=pregnant_since,
        given=given,
        traits=frozenset(own) | traits,
        dead=is_dead(patient),
    )
    return Read(facts, unclear, _refusals(vaccinations))


def last_day(written: object) -> tuple[date, bool] | None:
    """The last day that a FHIR date or dateTime may mean, and whether it names the day; None for what is none.

    The day is that of its writer's clock: a vaccination at ten in the evening is of that day, whatever day it is in
    Greenwich.
    """
    if not isinstance(written, str):
        return None
    parts = written[:10].split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "0", "0")[:3])
        if len(parts) == 1:
            return date(year, 12, 31), False
        if len(parts) == 2:
            return date(year, month, monthrange(year, month)[1]), False
        return date(year, month, day), True
    except ValueError:
        return None


def _given(vaccinations: list[Mapping[str, Any]]) -> tuple[tuple[Given, ...], tuple[Unclear, ...]]:
    given, unclear = [], []
    for one in vaccinations:
        if one.get("status") != "completed":
            continue
        source, code = str(one.get("id", "")), one.get("vaccineCode")
        vaccine, when = recognise(code, one.get("route")), last_day(one.get("occurrenceDateTime"))
        if vaccine is None:
            if not _is_no_vaccine(code):
                unclear.append(Unclear(source, "unknown-vaccine", text_of(code)))
        elif when is None:
            unclear.append(Unclear(source, "no-date", text_of(code)))
        else:
            given.append(Given(vaccine.name, when[0], when[1], one.get("isSubpotent") is True, source))
    return tuple(given), tuple(unclear)


def _is_no_vaccine(code: object) -> bool:
    return any(value in NO_VACCINES for _, value in codes_of(code))


def _refusals(vaccinations: list[Mapping[str, Any]]) -> tuple[Refusal, ...]:
    found = []
    for one in vaccinations:
        vaccine = recognise(one.get("vaccineCode"), one.get("route"))
        if one.get("status") == "not-done" and vaccine is not None:
            when = last_day(one.get("occurrenceDateTime"))
            found.append(Refusal(vaccine.name, when[0] if when else None, text_of(one.get("statusReason"))))
    return tuple(found)


def _trait(condition: Mapping[str, Any]) -> Iterable[str]:
    """What a Condition says that a schedule asks for; nothing when it is over or was refuted."""
    states = {code for _, code in codes_of(condition.get("clinicalStatus"))}
    doubts = {code for _, code in codes_of(condition.get("verificationStatus"))}
    if states & _OVER or doubts & _DOUBTED:
        return
    found = TRAITS.find(condition.get("code"))
    if found is not None:
        yield found.name
    for system, code in codes_of(condition.get("code")):
        if system in ICD10:
            if code.startswith(_HIV_ICD10):
                yield "hiv-infected"
            elif code.startswith(_EXPOSED_ICD10):
                yield "hiv-exposed"
