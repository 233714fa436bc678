"""One Observation as facts. Which Observation says what is told in `edge_node/maternal/record.py`."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from edge_node.concepts import VITAL_SIGNS, Concept, Table, amount, codes_of, number, text_of
from edge_node.maternal import concepts as said
from edge_node.maternal.dating import TERM_DAYS
from edge_node.maternal.facts import (
    Accepted,
    Allergy,
    Dose,
    Evidence,
    Fact,
    Measure,
    Medicine,
    Outcome,
    Pressure,
    Problem,
    Sign,
    Test,
)
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES, MODES, OUTCOMES, TETANUS_HISTORY
from edge_node.maternal.reading import Resource, items, moment, ref_of, target, targets, who, whole_day, written

AGE_DAYS_MAX: Final = 315
"""45 weeks. An age of a pregnancy above this was mistyped."""

Found = Fact | Allergy | Medicine | Problem


def facts_of(observation: Resource, on: date) -> list[Found] | None:
    """What an Observation says, as known on the day `on`. An empty list: nothing for maternal care. None: its code is known, and
    its value could not be understood."""
    code = observation.get("code")
    concept = said.STATEMENTS.find(code) or VITAL_SIGNS.find(code)
    if concept is None:
        return []
    if observation.get("dataAbsentReason") is not None:
        return []
    return list(_reader(concept)(observation, on, concept)) or None


_Reader = Callable[[Resource, date, Concept], Iterator[Found]]


def _reader(concept: Concept) -> _Reader:
    return _READERS.get(concept.name) or (_measure if concept.unit else _nothing)


def _nothing(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    """A known statement that maternal care does not decide by."""
    yield Fact(ref=ref_of(observation), on=on)


def _measure(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    value = amount(observation.get("valueQuantity"), concept.unit)
    if value is not None:
        yield Measure(ref=ref_of(observation), on=on, kind=concept.name, value=value)


def _count(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    told = observation.get("valueInteger")
    value = number(told if told is not None else (observation.get("valueQuantity") or {}).get("value"))
    if value is not None and 0 <= value <= 50:
        yield Measure(ref=ref_of(observation), on=on, kind=concept.name, value=value)


def values(observation: Resource) -> list[object]:
    """The coded values of an Observation: its own, and those of components with the same code."""
    own = [observation.get("valueCodeableConcept")] if observation.get("valueCodeableConcept") is not None else []
    if isinstance(observation.get("valueString"), str):
        own.append({"text": observation["valueString"]})
    components = items(observation.get("component"))
    return [
        *own,
        *(part.get("valueCodeableConcept") for part in components if part.get("valueCodeableConcept") is not None),
    ]


def component(observation: Resource, concept: Concept) -> Resource:
    """The component with a concept's code; an empty one if there is none."""
    for part in items(observation.get("component")):
        if any(
            coding in {(each.system, each.code) for each in concept.codings} for coding in codes_of(part.get("code"))
        ):
            return dict(part)
    return {}


def _named(value: object, table: Table) -> list[str]:
    """All concepts of a table that a value says by its codings; by its words where it has none."""
    by_code = [found.name for coding in codes_of(value) if (found := table.find(_single(coding))) is not None]
    return list(dict.fromkeys(by_code)) or [found.name for found in table.read({"text": text_of(value).strip()})]


def _single(coding: tuple[str, str]) -> dict[str, object]:
    return {"coding": [{"system": coding[0], "code": coding[1]}]}


def _signs(table: Table) -> _Reader:
    """Reads each value of a table as a Sign."""

    def read(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
        for value in values(observation):
            for name in _named(value, table):
                yield Sign(ref=ref_of(observation), on=on, kind=concept.name, value=name)

    return read


def _yes(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    if isinstance(observation.get("valueBoolean"), bool):
        answer = "yes" if observation["valueBoolean"] else "no"
        yield Sign(ref=ref_of(observation), on=on, kind=concept.name, value=answer)


def _test(kind: str) -> _Reader:
    def read(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
        for value in values(observation)[:1]:
            for name in _named(value, said.RESULTS)[:1]:
                yield Test(ref=ref_of(observation), on=on, kind=kind, result=name)

    return read


_STICK_MG_DL: Final = ((Decimal(2000), "4"), (Decimal(300), "3"), (Decimal(100), "2"), (Decimal(30), "1"))
"""What the grades of a dipstick stand for, mg/dL: 30, 100, 300 and 2000 (as printed on the sticks by their makers)."""


def _protein(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    measured = amount(observation.get("valueQuantity"), "mg/dL")
    if measured is not None:
        grade = next((name for least, name in _STICK_MG_DL if measured >= least), "0")
        yield Sign(ref=ref_of(observation), on=on, kind=concept.name, value=grade)
        return
    yield from _signs(said.PROTEIN)(observation, on, concept)


def _pressure(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    parts = {name: component(observation, VITAL_SIGNS[name]) for name in ("systolic", "diastolic")}
    if concept.name in parts:
        parts[concept.name] = observation
    read = {name: _mmhg(part.get("valueQuantity")) for name, part in parts.items()}
    if any(value is not None for value in read.values()):
        yield Pressure(
            ref=ref_of(observation),
            on=on,
            systolic=read["systolic"],
            diastolic=read["diastolic"],
            at=moment(written(observation)),
            repeat=_is_repeat(observation),
        )


_MMHG: Final = (Decimal(30), Decimal(350))
"""Between these a blood pressure without a unit can only be in mmHg: in kPa nobody lives with more than 47."""


def _mmhg(quantity: object) -> Decimal | None:
    """A pressure in mmHg. Other programs leave its unit out (Synthea does), and a severe one must not be passed over for that."""
    read = amount(quantity, "mm[Hg]")
    if read is not None or not isinstance(quantity, dict) or {"unit", "code", "comparator"} & quantity.keys():
        return read
    bare = number(quantity.get("value"))
    return bare if bare is not None and _MMHG[0] < bare < _MMHG[1] else None


def _is_repeat(observation: Resource) -> bool:
    """Stated by the method, or by WHO's codes of their own for a second reading (ANC.B8.DE20 and DE21)."""
    codes = {code for _, code in codes_of(observation.get("code"))}
    return bool(codes & {"ANC.B8.DE20", "ANC.B8.DE21"}) or said.READING.find(observation.get("method")) is not None


def _stated_day(observation: Resource) -> object:
    return observation.get("valueDateTime") or observation.get("valueDate")


def _lmp(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    text = _stated_day(observation)
    exact = whole_day(text)
    day = exact or _month_only(text)
    if day is None or day > on:
        return
    stated = said.CERTAINTIES.find(component(observation, said.STATEMENTS["lmp-certainty"]).get("valueCodeableConcept"))
    certain = exact is not None and (stated is None or stated.name == "certain")
    yield Evidence(
        ref=ref_of(observation),
        on=on,
        kind="lmp",
        expected=day + timedelta(TERM_DAYS),
        lmp=day,
        certain=certain,
        by=who(observation),
    )


def _month_only(text: object) -> date | None:
    """The middle of a month: a year alone dates no pregnancy."""
    return whole_day(f"{text}-15") if isinstance(text, str) and len(text) == 7 else None


def _dating_kind(observation: Resource, unless: str) -> str:
    source = component(observation, said.STATEMENTS["dating-source"]).get("valueCodeableConcept")
    stated = said.DATING_SOURCES.find(source)
    return stated.name if stated else unless


def _age(kind: str) -> _Reader:
    """An age of the pregnancy found on a day. An age that was reckoned from the last period is no evidence of its own."""

    def read(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
        days = amount(observation.get("valueQuantity"), "d")
        if days is None or not 0 <= days <= AGE_DAYS_MAX:
            return
        found = _dating_kind(observation, kind)
        age = int(days)
        yield Evidence(
            ref=ref_of(observation),
            on=on,
            kind="stated" if found == "lmp" else found,
            expected=on + timedelta(TERM_DAYS - age),
            age_days=age,
            by=who(observation),
        )

    return read


def _expected(kind: str) -> _Reader:
    def read(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
        day = whole_day(_stated_day(observation))
        if day is not None:
            found = _dating_kind(observation, kind)
            age = TERM_DAYS - (day - on).days
            scanned = age if found in {"ultrasound", "fundal-height"} and 0 <= age <= AGE_DAYS_MAX else None
            yield Evidence(
                ref=ref_of(observation), on=on, kind=found, expected=day, age_days=scanned, by=who(observation)
            )

    return read


def _accepted(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    day = whole_day(_stated_day(observation))
    if day is not None:
        yield Accepted(
            ref=ref_of(observation),
            on=on,
            kind=_dating_kind(observation, "stated"),
            expected=day,
            at=written(observation),
            by=who(observation),
            source=next(iter(targets(observation.get("derivedFrom"))), ""),
        )


def _outcome(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    kind = OUTCOMES.find(observation.get("valueCodeableConcept"))
    if kind is not None:
        mode = MODES.find(component(observation, said.STATEMENTS["delivery-mode"]).get("valueCodeableConcept"))
        weight = component(observation, VITAL_SIGNS["birth-weight"]).get("valueQuantity")
        yield Outcome(
            ref=ref_of(observation),
            on=on,
            kind=kind.name,
            baby=next(
                (each for each in map(target, items(observation.get("focus"))) if each.startswith("Patient/")), ""
            ),
            weight_g=amount(weight, "g"),
            mode=mode.name if mode else "",
        )


def _delivery(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    day = whole_day(_stated_day(observation))
    if day is not None:
        yield Outcome(ref=ref_of(observation), on=day, kind="birth")


def _problems(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    past = concept.name == "past-complications"
    for value in values(observation):
        for name in _named(value, CONDITIONS):
            yield Problem(ref=ref_of(observation), kind=name, past=past)
    yield Fact(ref=ref_of(observation), on=on)


def _allergies(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    for value in values(observation):
        for found in ALLERGIES.read(value):
            yield Allergy(ref=ref_of(observation), kind=found.name)
    yield Fact(ref=ref_of(observation), on=on)


def _medicines(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    for value in values(observation):
        for found in MEDICINES.read(value):
            yield Medicine(ref=ref_of(observation), kind=found.name, key=found.name, active=True, since=on)
    yield Fact(ref=ref_of(observation), on=on)


def _deworming(observation: Resource, on: date, concept: Concept) -> Iterator[Found]:
    for value in values(observation):
        for name in _named(value, MEDICINES):
            yield Dose(ref=ref_of(observation), on=on, kind=name)
    yield Fact(ref=ref_of(observation), on=on)


_READERS: Final = MappingProxyType(
    {
        "lmp": _lmp,
        "gestational-age": _age("stated"),
        "age-by-ultrasound": _age("ultrasound"),
        "age-by-lmp": _age("lmp"),
        "expected-birth": _expected("stated"),
        "expected-birth-by-lmp": _expected("lmp"),
        "expected-birth-by-ultrasound": _expected("ultrasound"),
        "accepted-dating": _accepted,
        "dating-source": _signs(said.DATING_SOURCES),
        "danger-signs": _signs(said.DANGER_SIGNS),
        "pre-eclampsia-symptoms": _signs(said.PRE_ECLAMPSIA_SYMPTOMS),
        "postnatal-danger-signs": _signs(said.POSTNATAL_DANGER_SIGNS),
        "newborn-danger-signs": _signs(said.NEWBORN_DANGER_SIGNS),
        "urine-protein": _protein,
        "fetal-movement": _signs(said.MOVEMENTS),
        "presentation": _signs(said.PRESENTATIONS),
        "planned-birth-place": _signs(said.BIRTH_PLACES),
        "blood-group": _signs(said.BLOOD_GROUPS),
        "rhesus": _signs(said.RHESUS),
        "tetanus-history": _signs(TETANUS_HISTORY),
        "fetal-heartbeat": _yes,
        "tobacco": _yes,
        "oedema": _yes,
        "birth-place": _signs(said.BIRTH_PLACES),
        "apgar-1": _count,
        "apgar-5": _count,
        "fetuses": _count,
        "gravida": _count,
        "parity": _count,
        "stillbirths": _count,
        "caesareans": _count,
        "hiv-test": _test("hiv"),
        "hiv-status": _test("hiv"),
        "syphilis-test": _test("syphilis"),
        "hepatitis-b-test": _test("hepatitis-b"),
        "blood-pressure": _pressure,
        "systolic": _pressure,
        "diastolic": _pressure,
        "outcome": _outcome,
        "delivery-date": _delivery,
        "past-complications": _problems,
        "chronic-conditions": _problems,
        "stated-allergies": _allergies,
        "stated-medicines": _medicines,
        "deworming": _deworming,
    }
)
"""How each statement is read; those with a unit and not here are plain measurements."""
