"""Records to test maternal care with, written as the profile in `edge_node/maternal/record.py` tells forms to write."""

import io
import json
import re
import tarfile
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from edge_node.concepts import VITAL_SIGNS, Concept, codeable, quantity
from edge_node.maternal import concepts as said
from edge_node.maternal.facts import Mother, Pregnancy
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES, OUTCOMES, VACCINES
from edge_node.maternal.record import read_mother
from tests.edge.fhir.samples import synthea_bundles

DATA = Path(__file__).parents[2] / "data"
LMP = date(2021, 1, 1)
"""The day of WHO's example of a first contact."""


def week(weeks: int, days: int = 0, lmp: date = LMP) -> date:
    """The day on which a pregnancy is so old."""
    return lmp + timedelta(days=7 * weeks + days)


class Record:
    """The resources of one woman's compartment, collected. Every method adds one and returns its reference."""

    def __init__(self, born: date = date(1995, 6, 15)) -> None:
        self._ids = count(1)
        self.resources: list[dict[str, Any]] = []
        self.patient = {"resourceType": "Patient", "id": "mother", "birthDate": born.isoformat(), "gender": "female"}
        self.resources.append(self.patient)

    def add(self, kind: str, **members: Any) -> str:
        number = next(self._ids)
        self.resources.append({"resourceType": kind, "id": f"r{number:03}", **members})
        return f"{kind}/r{number:03}"

    def episode(self, start: date = LMP, status: str = "active", end: date | None = None) -> str:
        period = {"start": start.isoformat()} | ({"end": end.isoformat()} if end else {})
        return self.add(
            "EpisodeOfCare",
            status=status,
            type=[codeable(said.EPISODES["antenatal-care"])],
            period=period,
            patient=_HER,
        )

    def contact(self, on: date, episode: str = "", kind: str = "antenatal-contact", status: str = "finished") -> str:
        linked = {"episodeOfCare": [{"reference": episode}]} if episode else {}
        return self.add(
            "Encounter",
            status=status,
            type=[codeable(said.VISITS[kind])],
            subject=_HER,
            period={"start": on.isoformat()},
            **linked,
        )

    def observe(self, name: str, on: date | str, at: str = "", **members: Any) -> str:
        written = on if isinstance(on, str) else on.isoformat()
        linked = {"encounter": {"reference": at}} if at.startswith("Encounter/") else {}
        if at.startswith("EpisodeOfCare/"):
            url = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
            linked = {"extension": [{"url": url, "valueReference": {"reference": at}}]}  # type: ignore[dict-item]
        return self.add(
            "Observation",
            status="final",
            code=codeable(statement(name)),
            subject=_HER,
            effectiveDateTime=written,
            **linked,
            **members,
        )

    def lmp(self, day: date | str, on: date, at: str = "", certainty: str = "") -> str:
        text = day if isinstance(day, str) else day.isoformat()
        sure = {"component": [_coded("lmp-certainty", said.CERTAINTIES[certainty])]} if certainty else {}
        return self.observe("lmp", on, at, valueDateTime=text, **sure)

    def scan(self, age_days: int, on: date, at: str = "") -> str:
        return self.observe("age-by-ultrasound", on, at, valueQuantity={"value": age_days, "code": "d"})

    def height_dated(self, age_days: int, on: date, at: str = "") -> str:
        return self.observe(
            "gestational-age",
            on,
            at,
            valueQuantity={"value": age_days, "code": "d"},
            component=_source("fundal-height"),
        )

    def accept(self, expected: date, on: date | str, at: str, kind: str = "lmp", source: str = "") -> str:
        derived = {"derivedFrom": [{"reference": source}]} if source else {}
        return self.observe(
            "accepted-dating", on, at, valueDateTime=expected.isoformat(), component=_source(kind), **derived
        )

    def pressure(self, systolic: int, diastolic: int, on: date | str, at: str = "", repeat: bool = False) -> str:
        parts = [
            {"code": codeable(VITAL_SIGNS[name]), "valueQuantity": quantity(value, VITAL_SIGNS[name])}
            for name, value in (("systolic", systolic), ("diastolic", diastolic))
        ]
        method = {"method": codeable(said.READING["after-rest"])} if repeat else {}
        return self.observe("blood-pressure", on, at, component=parts, **method)

    def measure(self, name: str, value: Decimal | int, on: date, at: str = "") -> str:
        return self.observe(name, on, at, valueQuantity=quantity(value, statement(name)))

    def sign(self, name: str, value: Concept, on: date, at: str = "") -> str:
        return self.observe(name, on, at, valueCodeableConcept=codeable(value))

    def test(self, name: str, result: str, on: date, at: str = "") -> str:
        return self.sign(name, said.RESULT_VALUES[name, result], on, at)

    def outcome(self, kind: str, on: date, at: str = "", baby: str = "") -> str:
        focus = {"focus": [{"reference": baby}]} if baby else {}
        return self.observe("outcome", on, at, valueCodeableConcept=codeable(OUTCOMES[kind]), **focus)

    def give(self, kind: str, on: date, at: str = "") -> str:
        """Swallowed before the midwife's eyes."""
        return self.add(
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=codeable(MEDICINES[kind]),
            subject=_HER,
            effectiveDateTime=on.isoformat(),
            **({"context": {"reference": at}} if at else {}),
        )

    def prescribe(self, kind: str, on: date, at: str = "", days: int = 0, status: str = "active") -> str:
        supply = {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "code": "d"}}} if days else {}
        return self.add(
            "MedicationRequest",
            status=status,
            intent="order",
            medicationCodeableConcept=codeable(MEDICINES[kind]),
            subject=_HER,
            authoredOn=on.isoformat(),
            **supply,
            **({"encounter": {"reference": at}} if at else {}),
        )

    def vaccinate(self, on: date, at: str = "") -> str:
        return self.add(
            "Immunization",
            status="completed",
            vaccineCode=codeable(VACCINES["tetanus"]),
            patient=_HER,
            occurrenceDateTime=on.isoformat(),
            **({"encounter": {"reference": at}} if at else {}),
        )

    def allergy(self, kind: str = "", text: str = "") -> str:
        return self.add("AllergyIntolerance", code=codeable(ALLERGIES[kind]) if kind else {"text": text}, patient=_HER)

    def condition(self, kind: str, clinical: str = "active", **members: Any) -> str:
        status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": clinical}]}
        return self.add("Condition", code=codeable(CONDITIONS[kind]), clinicalStatus=status, subject=_HER, **members)

    def counselled(self, on: date, at: str) -> str:
        return self.add(
            "Procedure",
            status="completed",
            code=codeable(said.ACTS["birth-plan-counselling"]),
            subject=_HER,
            performedDateTime=on.isoformat(),
            encounter={"reference": at},
        )

    def read(self) -> Mother:
        return read_mother("mother", self.resources)

    def pregnancy(self) -> Pregnancy:
        """The only pregnancy."""
        (found,) = self.read().pregnancies
        return found


_HER = {"reference": "Patient/mother"}


def _source(kind: str) -> list[dict[str, Any]]:
    return [_coded("dating-source", said.DATING_SOURCES[kind])] if kind in said.DATING_SOURCES else []


def _coded(name: str, value: Concept) -> dict[str, Any]:
    """A component with a coded value."""
    return {"code": codeable(said.STATEMENTS[name]), "valueCodeableConcept": codeable(value)}


def statement(name: str) -> Concept:
    """A concept of an Observation's code."""
    return said.STATEMENTS[name] if name in said.STATEMENTS else VITAL_SIGNS[name]


def dated(lmp: date = LMP, booked: int = 70) -> tuple[Record, str]:
    """A record with one pregnancy, registered some days after the last period and dated by it; and the episode's reference."""
    record = Record()
    start = lmp + timedelta(days=booked)
    episode = record.episode(start)
    record.lmp(lmp, start, episode)
    return record, episode


@cache
def who_examples() -> dict[str, dict[str, Any]]:
    """WHO's examples in JSON by file name."""
    with tarfile.open(fileobj=io.BytesIO((DATA / "who_smart_anc_examples.tar.gz").read_bytes())) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.name.endswith(".json") else None
            if file is not None:
                found[member.name] = json.loads(file.read(), parse_float=Decimal)
        return found


@cache
def synthea_records() -> list[tuple[str, list[dict[str, Any]]]]:
    """(patient, resources) of each Synthea bundle, references rewritten as an import does."""
    return [_as_imported(bundle) for bundle in synthea_bundles()]


def _as_imported(bundle: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    types = {entry["resource"]["id"]: entry["resource"]["resourceType"] for entry in bundle["entry"]}
    text = json.dumps(bundle, default=float)
    rewritten = re.sub(r"urn:uuid:([0-9a-f-]{36})", lambda hit: f"{types.get(hit[1], 'urn:uuid')}/{hit[1]}", text)
    resources = [entry["resource"] for entry in json.loads(rewritten, parse_float=Decimal)["entry"]]
    return next(each["id"] for each in resources if each["resourceType"] == "Patient"), resources


@cache
def expected() -> dict[str, Any]:
    """Expected values of gestational age and contacts, by others (tests/data/README.md)."""
    found: dict[str, Any] = json.loads((DATA / "anc_expected.json").read_text(encoding="utf-8"))
    return found
