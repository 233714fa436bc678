"""FHIR resources of one patient's compartment as facts; and so the profile to which forms write.

What a form writes, and what is read here (names in quotes are concepts in `edge_node/maternal/concepts.py` and
`edge_node/maternal/history_concepts.py`, written with `edge_node.concepts.codeable`):

* **A pregnancy** is an EpisodeOfCare: type "antenatal-care", status `active`, period.start the day she was registered
  for it. At its end: status `finished`, period.end. Entered by mistake: status `entered-in-error`.
* **A contact** is an Encounter that took place (status not `planned`, `cancelled`), type "antenatal-contact",
  "postnatal-contact" or "birth", period.start, episodeOfCare → the pregnancy. Everything stated at it names it by
  `encounter`, and so belongs to the pregnancy. What is stated outside a contact has the standard extension
  `workflow-episodeOfCare` (`edge_node.maternal.reading.EPISODE_LINK`).
* **Observations**, status `final` (or `amended`), subject the woman, effectiveDateTime the day or moment, code a
  concept of `STATEMENTS` or `VITAL_SIGNS`, and the value by its sort:

  - measurements: valueQuantity in the concept's unit. "haemoglobin" g/dL, "weight" kg, "fundal-height" cm,
    "fetal-heart-rate" /min, …
  - "blood-pressure": components "systolic" and "diastolic", effectiveDateTime with time and zone; a reading taken again
    after 10 to 15 minutes of rest has method "after-rest".
  - "lmp": valueDateTime, a day or a month; component "lmp-certainty" ("certain", "uncertain").
  - "age-by-ultrasound": valueQuantity in `d` or `wk`, effectiveDateTime the day of the scan. "gestational-age" found by
    the height of the womb: component "dating-source" "fundal-height". A scan's "expected-birth-by-ultrasound":
    valueDateTime.
  - "accepted-dating", when the clinician accepts one: valueDateTime the expected date of birth, effectiveDateTime the
    moment, performer, component "dating-source", derivedFrom → the evidence. A later one replaces it; none is ever
    deleted.
  - "danger-signs", "pre-eclampsia-symptoms", "postnatal-danger-signs": one Observation for each sign,
    valueCodeableConcept; or one with "none".
  - "urine-protein" ("0" … "4"), "presentation", "fetal-movement", "planned-birth-place", "birth-place", "blood-group", "rhesus",
    "tetanus-history": valueCodeableConcept of the table of that name.
  - "hiv-test", "syphilis-test", "hepatitis-b-test": valueCodeableConcept of `RESULT_VALUES`.
  - "fetal-heartbeat", "tobacco", "oedema": valueBoolean. "fetuses", "gravida", "parity", "stillbirths", "caesareans": valueInteger.
  - "past-complications", "chronic-conditions": one Observation for each, valueCodeableConcept of `CONDITIONS`.
  - "outcome": one for each baby, valueCodeableConcept of `OUTCOMES`, effectiveDateTime the day (or moment) of birth or
    loss, focus → the newborn's Patient if born alive, components "birth-weight" (valueQuantity, g) and "delivery-mode"
    (valueCodeableConcept).

* **The newborn** is a Patient of its own (birthDate, multipleBirthInteger for twins), with a RelatedPerson: patient → the newborn,
  relationship v3-RoleCode `NMTH`, and the mother's Patient.link (`seealso`) → that RelatedPerson, as in HL7's example
  "newborn". What is found of the baby ("newborn-danger-signs", "birth-weight", "apgar-1", "apgar-5", "weight",
  "temperature") has the baby as subject, and
  its contacts are Encounters of its own.
* **Illnesses**: Condition, code of `CONDITIONS`, clinicalStatus. **Allergies**: AllergyIntolerance. **Death**: Patient.deceased[x].
* **Medicines**: MedicationRequest for what is prescribed or handed out for home ("iron-folate", "calcium", "aspirin",
  "co-trimoxazole", …) with authoredOn and dispenseRequest.expectedSupplyDuration in `d`; MedicationAdministration for
  what is swallowed before the midwife's eyes ("sulfadoxine-pyrimethamine", "albendazole", "mebendazole");
  MedicationStatement for what she says she takes. **Tetanus vaccine**: Immunization, vaccineCode "tetanus",
  occurrenceDateTime; also doses of earlier years from her card.
* **Talks, and a bed net**: Procedure, a concept of `ACTS` ("birth-plan-counselling", "danger-sign-counselling", "bed-net", …),
  performedDateTime.

What other programs write is read too where it means the same: WHO's examples (blood pressure as two Observations, the source of
an age as an Observation of its own, closing reasons, SP as Immunization), Synthea (pregnancy and loss as Condition,
childbirth as Procedure), HL7's examples. A statement without a day is taken to be of the day of its Encounter, else of
the day it was stored; without either it is told in `Mother.unread`.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import msgspec

from edge_node.maternal import concepts as said
from edge_node.maternal.assigning import Placed, assign
from edge_node.maternal.facts import (
    BIRTHS,
    Allergy,
    Contact,
    Dose,
    Evidence,
    Fact,
    Measure,
    Medicine,
    Mother,
    Newborn,
    Outcome,
    Pregnancy,
    Pressure,
    Problem,
    Sign,
    Test,
    born_on,
    ordered,
)
from edge_node.maternal.history_concepts import CONDITIONS, OUTCOMES
from edge_node.maternal.medicines_read import allergies, medicines_and_doses
from edge_node.maternal.reading import (
    Resource,
    about,
    about_day,
    by_type,
    coded,
    encounter,
    is_dead,
    items,
    linked_episodes,
    recorded,
    ref_of,
    same_people,
    target,
    whole_day,
    written,
)
from edge_node.maternal.statements import facts_of

_LIFELONG_SIGNS: Final = ("tobacco", "tetanus-history")
_GROUPS: Final = ("blood-group", "rhesus")
_COUNTS: Final = ("gravida", "parity", "stillbirths", "caesareans")
_TIMELESS: Final = frozenset({Fact, Allergy, Medicine, Problem})
_NOT_HELD: Final = frozenset({"planned", "booked", "noshow"})


class _Visits(msgspec.Struct, frozen=True):
    """The Encounters of a record: contacts by reference, and the episodes each names."""

    contacts: dict[str, Contact]
    episodes: dict[str, tuple[str, ...]]

    def day(self, resource: Resource) -> date | None:
        """The day a resource is about: its own, its Encounter's, or that on which it was stored."""
        own = whole_day(written(resource)) or about_day(written(resource))
        contact = self.contacts.get(encounter(resource))
        return own or (contact.on if contact else None) or recorded(resource)

    def links(self, resource: Resource) -> tuple[str, ...]:
        return linked_episodes(resource) or self.episodes.get(encounter(resource), ())


def read_mother(patient: str, resources: Iterable[Resource]) -> Mother:
    """The facts of the woman with the id `patient`, from the resources of her compartment (decoded JSON), in any order.

    What stands in a record that was merged into hers is hers. What is said of any other patient (her baby) is passed over. Nothing here
    raises on what a valid resource says: what cannot be understood is left out, and told in `unread`.
    """
    mine = _of_patient(resources, patient)
    visits = _visits(mine)
    found, unread = _observed(mine, visits)
    more = [*_done(mine, visits), *medicines_and_doses(mine, visits.day, visits.links)]
    placed = _completed(
        [*(each for each in found if isinstance(each, Placed)), *(each for each in more if isinstance(each, Placed))]
    )
    loose = [each for each in [*found, *more] if not isinstance(each, Placed)]
    shells = _episodes(mine)
    pregnancies, ambiguous = assign(shells, _implied(mine), [*_held(visits), *placed])
    facts = ordered({each.fact for each in placed})
    person = next((each for each in mine if ref_of(each) == f"Patient/{patient}"), {})
    died = _died(mine)
    outcomes = [each for each in facts if isinstance(each, Outcome) and each.kind == "mother-died"]
    return Mother(
        id=patient,
        born=about_day(person.get("birthDate")),
        dead=_is_dead(mine) or bool(outcomes),
        died=died or (outcomes[0].on if outcomes else None),
        allergies=tuple(sorted({*allergies(mine), *(each for each in loose if isinstance(each, Allergy))}, key=repr)),
        medicines=tuple(sorted({each for each in loose if isinstance(each, Medicine)}, key=repr)),
        problems=tuple(sorted({*_problems(mine), *(each for each in loose if isinstance(each, Problem))}, key=repr)),
        counts=tuple(each for each in facts if isinstance(each, Measure) and each.kind in _COUNTS),
        tests=tuple(each for each in facts if isinstance(each, Test)),
        tetanus=tuple(each for each in facts if isinstance(each, Dose) and each.kind == "tetanus"),
        groups=tuple(each for each in facts if isinstance(each, Sign) and each.kind in _GROUPS),
        signs=tuple(each for each in facts if isinstance(each, Sign) and each.kind in _LIFELONG_SIGNS),
        visits=ordered(visits.contacts.values()),
        pregnancies=tuple(_finished(each) for each in pregnancies if not _is_mistake(each)),
        ambiguous=ambiguous,
        unread=tuple(sorted(unread)),
    )


def read_newborn(patient: str, resources: Iterable[Resource]) -> Newborn:
    """The facts of the baby with the id `patient`, from the resources of its compartment, in any order."""
    mine = _of_patient(resources, patient)
    visits = _visits(mine)
    facts = ordered(each.fact for each in _observed(mine, visits)[0] if isinstance(each, Placed))
    person = next((each for each in mine if ref_of(each) == f"Patient/{patient}"), {})
    related = [each for each in by_type(mine, "RelatedPerson") if target(each.get("patient")) == f"Patient/{patient}"]
    return Newborn(
        id=patient,
        born=whole_day(person.get("birthDate")),
        dead=_is_dead(mine),
        died=_died(mine),
        mothers=tuple(
            ref_of(each)
            for each in related
            if any(coded(kind) in {"NMTH", "MTH"} for kind in items(each.get("relationship")))
        ),
        contacts=ordered(visits.contacts.values()),
        measures=tuple(each for each in facts if isinstance(each, Measure)),
        signs=tuple(each for each in facts if isinstance(each, Sign)),
    )


def _of_patient(resources: Iterable[Resource], patient: str) -> list[Resource]:
    """The resources about this person, by reference; those that name nobody are taken for hers."""
    held = list(resources)
    hers = {"", *(f"Patient/{each}" for each in same_people(patient, held))}
    return sorted((each for each in held if about(each) in hers), key=ref_of)


def _is_dead(mine: list[Resource]) -> bool:
    return any(is_dead(each) for each in mine if each.get("resourceType") == "Patient")


def _died(mine: list[Resource]) -> date | None:
    days = (whole_day(each.get("deceasedDateTime")) for each in mine if each.get("resourceType") == "Patient")
    return next((day for day in days if day is not None), None)


def _visits(resources: list[Resource]) -> _Visits:
    held = [each for each in by_type(resources, "Encounter") if each.get("status") not in _NOT_HELD]
    days = {ref_of(each): whole_day(written(each)) or recorded(each) for each in held}
    kinds = {ref_of(each): _visit_kind(each) for each in held}
    contacts = {ref: Contact(ref=ref, on=day, kind=kinds[ref]) for ref, day in days.items() if day is not None}
    return _Visits(contacts, {ref_of(each): linked_episodes(each) for each in by_type(resources, "Encounter")})


def _visit_kind(resource: Resource) -> str:
    for codeable in [*items(resource.get("type")), *items(resource.get("reasonCode")), resource.get("serviceType")]:
        found = said.VISITS.find(codeable)
        if found is not None:
            return found.name
    # A visit of a pregnancy that does not say of which kind it was is an antenatal contact; `_finished` looks at the birth.
    return "" if items(resource.get("type")) or not linked_episodes(resource) else "antenatal-contact"


def _held(visits: _Visits) -> list[Placed]:
    return [Placed(contact, visits.episodes.get(ref, ())) for ref, contact in visits.contacts.items()]


def _observed(resources: list[Resource], visits: _Visits) -> tuple[list[object], set[str]]:
    """Facts of all Observations, those with a day as Placed, and the references of those that could not be read."""
    found: list[object] = []
    unread: set[str] = set()
    pressures: list[tuple[str, Placed]] = []
    sources: dict[str, str] = {}
    ages: list[tuple[str, Placed]] = []
    for each in by_type(resources, "Observation"):
        day = visits.day(each)
        facts = facts_of(each, day or date.min)
        if facts is None or (day is None and any(type(fact) not in _TIMELESS for fact in facts)):
            unread.add(ref_of(each))
        for fact in facts or ():
            if not isinstance(fact, Fact):
                found.append(fact)
            if not isinstance(fact, Fact) or day is None:
                continue
            placed, at = Placed(fact, visits.links(each)), encounter(each)
            if isinstance(fact, Pressure):
                pressures.append((at, placed))
            elif isinstance(fact, Evidence) and fact.kind == "stated":
                ages.append((at, placed))
            else:
                found.append(placed)
                if isinstance(fact, Sign) and fact.kind == "dating-source":
                    sources[at] = fact.value
    return [*found, *_joined(pressures), *_sourced(ages, sources)], unread


def _sourced(ages: list[tuple[str, Placed]], sources: dict[str, str]) -> Iterator[Placed]:
    """Ages of a pregnancy with the source that another Observation of the same Encounter names (WHO: ANC.B6.DE18)."""
    for at, placed in ages:
        source = sources.get(at, "") if at else ""
        kind = source if source in {"ultrasound", "fundal-height"} else "stated"
        yield Placed(msgspec.structs.replace(placed.fact, kind=kind), placed.episodes)


def _joined(pressures: list[tuple[str, Placed]]) -> Iterator[Placed]:
    """Upper and lower pressure stated apart, in one Encounter or else at one time, as one reading."""
    halves: dict[object, Placed] = {}
    for at, placed in pressures:
        reading = placed.fact
        assert isinstance(reading, Pressure)
        if reading.systolic is not None and reading.diastolic is not None:
            yield placed
            continue
        key = (at or reading.at or reading.on, reading.on, reading.repeat)
        other = halves.pop(key, None)
        mate = other.fact if other is not None else None
        if not isinstance(mate, Pressure) or (mate.systolic is None) == (reading.systolic is None):
            if other is not None:
                yield other
            halves[key] = placed
            continue
        upper, lower = (reading, mate) if reading.systolic is not None else (mate, reading)
        whole = msgspec.structs.replace(upper, diastolic=lower.diastolic, at=upper.at or lower.at)
        yield Placed(whole, placed.episodes or (other.episodes if other else ()))
    yield from halves.values()


_TESTS: Final = {"hiv-test": "hiv", "syphilis-test": "syphilis", "hepatitis-b-test": "hepatitis-b"}


def _done(resources: list[Resource], visits: _Visits) -> Iterator[Placed]:
    """Facts of Procedures and of Conditions that are an end of a pregnancy."""
    for each in by_type(resources, "Procedure", "Condition"):
        day = visits.day(each)
        fact = _act(each, day) if day is not None else None
        if fact is not None:
            yield Placed(fact, visits.links(each))


def _act(resource: Resource, day: date) -> Fact | None:
    ref = ref_of(resource)
    if resource.get("resourceType") == "Condition":
        loss = OUTCOMES.find(resource.get("code"))
        return Outcome(ref=ref, on=day, kind=loss.name) if loss is not None else None
    act = said.ACTS.find(resource.get("code"))
    if act is None:
        return None
    if act.name in _TESTS:
        return Test(ref=ref, on=day, kind=_TESTS[act.name], result="unknown")
    if act.name in {"childbirth", "termination"}:
        return Outcome(ref=ref, on=day, kind="birth" if act.name == "childbirth" else "abortion")
    return Sign(ref=ref, on=day, kind=act.name, value="done")


def _completed(placed: list[Placed]) -> list[Placed]:
    """The same without plain marks that a code is known."""
    return [each for each in placed if type(each.fact) is not Fact]


def _episodes(resources: list[Resource]) -> list[Pregnancy]:
    pregnant = {ref_of(each) for each in by_type(resources, "Condition") if _is_pregnancy(each)}
    return [
        _shell(each, str(each.get("status") or "active"), each.get("period"))
        for each in by_type(resources, "EpisodeOfCare")
        if any(said.EPISODES.find(kind) is not None for kind in items(each.get("type")))
        or any(target(diagnosis.get("condition")) in pregnant for diagnosis in items(each.get("diagnosis")))
    ]


def _shell(resource: Resource, status: str, period: object) -> Pregnancy:
    times = period if isinstance(period, dict) else {}
    return Pregnancy(
        id=str(resource.get("id", "")),
        ref=ref_of(resource),
        status=status,
        start=whole_day(times.get("start")),
        end=whole_day(times.get("end")),
    )


def _is_pregnancy(resource: Resource) -> bool:
    found = CONDITIONS.find(resource.get("code"))
    return found is not None and found.name == "pregnancy"


def _implied(resources: list[Resource]) -> list[Pregnancy]:
    """Pregnancies that a Condition tells of. One that is not resolved is active."""
    return [
        _shell(
            each,
            "active" if coded(each.get("clinicalStatus")) in {"", "active"} else "finished",
            {"start": each.get("onsetDateTime"), "end": each.get("abatementDateTime")},
        )
        for each in by_type(resources, "Condition")
        if _is_pregnancy(each) and whole_day(each.get("onsetDateTime")) is not None
    ]


def _problems(resources: list[Resource]) -> Iterator[Problem]:
    for each in by_type(resources, "Condition"):
        found = CONDITIONS.find(each.get("code"))
        if found is not None and found.name != "pregnancy":
            past = coded(each.get("clinicalStatus")) in {"resolved", "inactive", "remission"}
            yield Problem(ref=ref_of(each), kind=found.name, past=past, since=whole_day(written(each)))


def _is_mistake(pregnancy: Pregnancy) -> bool:
    return any(outcome.kind == "mistake" for outcome in pregnancy.outcomes)


def _finished(pregnancy: Pregnancy) -> Pregnancy:
    """The same with its birth stated once, and with contacts after the birth told as such."""
    told = [each for each in pregnancy.outcomes if each.kind in BIRTHS - {"birth"}]
    plain = [each for each in pregnancy.outcomes if each.kind == "birth"]
    outcomes = tuple(each for each in pregnancy.outcomes if each not in plain or (not told and each is plain[0]))
    days = {each.on for each in plain if each.ref.startswith("Observation/")}
    if told and len(days) == 1:  # The day of birth was stated apart (WHO: ANC.End.12).
        (day,) = days
        outcomes = tuple(msgspec.structs.replace(each, on=day) if each in told else each for each in outcomes)
    settled = msgspec.structs.replace(pregnancy, outcomes=outcomes)
    born = born_on(settled)
    if born is None:
        return settled
    contacts = tuple(
        msgspec.structs.replace(each, kind="postnatal-contact")
        if each.kind == "antenatal-contact" and each.on > born
        else each
        for each in settled.contacts
    )
    return msgspec.structs.replace(settled, contacts=contacts)
