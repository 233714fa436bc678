"""FHIR resources as facts: Synthea's, WHO's, our own; what is not understood is told and counts for nothing."""

import gzip
import json
import tarfile
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.concepts import CVX, LOCAL, SNOMED, WHO_ANC, codeable
from edge_node.immunisation.due import stand
from edge_node.immunisation.record import Read, last_day, read
from edge_node.immunisation.vaccines import TABLE, VACCINES, recognise
from tests.edge.immunisation.children import MOTHER, WHO

DATA = Path(__file__).parents[2] / "data"
CHILD = {"resourceType": "Patient", "id": "c", "birthDate": "2024-03-04", "gender": "female"}
ROUTES = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"


def vaccination(system: str, code: str, when: str | None = "2024-04-20", **more: Any) -> dict[str, Any]:
    found = {
        "resourceType": "Immunization",
        "id": f"{code}-{when}",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": system, "code": code}]},
        **more,
    }
    return found if when is None else found | {"occurrenceDateTime": when}


def condition(system: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": code,
        "code": {"coding": [{"system": system, "code": code}]},
        **more,
    }


def names(found: Read) -> list[str]:
    return [one.vaccine for one in found.facts.given]


@pytest.mark.parametrize("name", sorted(VACCINES))
def test_what_we_write_is_read_again_as_the_same_vaccine(name: str) -> None:
    written = codeable(TABLE[name])
    assert recognise(written) is VACCINES[name]
    assert {"system": LOCAL, "code": f"vaccine-{name}"} in written["coding"]


@pytest.mark.parametrize(
    ("system", "code", "vaccine"),
    [
        (CVX, "198", "penta"),
        (CVX, "20", "dtp"),
        (CVX, "05", "measles"),
        (CVX, "04", "mr"),
        (CVX, "182", "opv"),
        (SNOMED, "871817003", "mr"),
        (SNOMED, "1252709000", "pcv"),
        (WHO_ANC, "ANC.B10.DE165", "tt"),
        ("http://smart.who.int/anc/CodeSystem/anc-custom-codes", "ANC.B10.DE167", "tt"),
        ("http://id.who.int/icd/release/11/mms", "XM79H3", "opv"),
    ],
)
def test_vaccines_are_recognised_by_the_codes_of_others(system: str, code: str, vaccine: str) -> None:
    assert names(read(CHILD, [vaccination(system, code)])) == [vaccine]


def test_polio_vaccine_of_no_kind_is_told_by_its_route_or_its_words() -> None:
    by_mouth = {"coding": [{"system": ROUTES, "code": "PO"}]}
    injected = {"coding": [{"system": ROUTES, "code": "IM"}]}
    said = {"coding": [{"system": CVX, "code": "89"}], "text": "OPV 2"}
    assert names(read(CHILD, [vaccination(CVX, "89", route=by_mouth)])) == ["opv"]
    assert names(read(CHILD, [vaccination(CVX, "89", route=injected)])) == ["ipv"]
    assert names(read(CHILD, [vaccination(CVX, "89", vaccineCode=said)])) == ["opv"]
    assert names(read(CHILD, [vaccination(CVX, "89")])) == ["polio"]


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", None])
def test_what_was_not_given_or_entered_in_error_is_no_vaccination(status: str | None) -> None:
    assert read(CHILD, [vaccination(CVX, "198", status=status)]).facts.given == ()


def test_a_vaccination_not_done_is_told_with_its_reason() -> None:
    refused = vaccination(CVX, "198", status="not-done", statusReason={"text": "Stock-out"})
    [told] = read(CHILD, [refused]).refusals
    assert (told.vaccine, told.day, told.reason) == ("penta", date(2024, 4, 20), "Stock-out")


def test_an_unknown_vaccine_and_a_vaccination_without_date_are_told() -> None:
    held = [
        vaccination(CVX, "26"),
        vaccination(CVX, "198", None),
        vaccination(CVX, "19", None, occurrenceString="at birth, the mother says"),
    ]
    found = read(CHILD, held)
    assert found.facts.given == ()
    assert Counter(one.why for one in found.unclear) == {"unknown-vaccine": 1, "no-date": 2}


def test_a_dose_said_to_be_subpotent_does_not_count() -> None:
    [given_one] = read(CHILD, [vaccination(CVX, "198", isSubpotent=True)]).facts.given
    assert given_one.weak


@pytest.mark.parametrize(
    ("written", "day", "exact"),
    [
        ("2024-02-29", date(2024, 2, 29), True),
        ("2024-02-29T22:30:00-07:00", date(2024, 2, 29), True),
        ("2024-02", date(2024, 2, 29), False),
        ("1900-02", date(1900, 2, 28), False),
        ("2024", date(2024, 12, 31), False),
    ],
)
def test_a_date_is_its_writers_day_and_a_partial_one_its_last(written: str, day: date, exact: bool) -> None:
    assert last_day(written) == (day, exact)


@pytest.mark.parametrize("written", ["", "2024-13", "2023-02-29", "soon", "2024-02-3x", None, 5, "24", "0000"])
def test_what_is_no_date_is_none(written: object) -> None:
    found = last_day(written)
    assert found is None or written == "24"


@given(st.text(max_size=12) | st.integers() | st.none())
def test_any_text_is_a_day_or_none(written: object) -> None:
    found = last_day(written)
    assert found is None or isinstance(found[0], date)


@pytest.mark.parametrize(
    ("held", "trait"),
    [
        (condition(SNOMED, "86406008"), "hiv-infected"),
        (condition("http://hl7.org/fhir/sid/icd-10", "B20.0"), "hiv-infected"),
        (condition("http://hl7.org/fhir/sid/icd-10", "Z20.6"), "hiv-exposed"),
        (condition(SNOMED, "444356002"), "hiv-exposed"),
    ],
)
def test_hiv_and_exposure_to_it_are_read_from_conditions(held: dict[str, Any], trait: str) -> None:
    assert trait in read(CHILD, [held]).facts.traits


@pytest.mark.parametrize("more", [{"verificationStatus": "refuted"}, {"clinicalStatus": "resolved"}])
def test_a_condition_that_is_refuted_or_over_is_no_trait(more: dict[str, str]) -> None:
    states = {name: {"coding": [{"system": "x", "code": code}]} for name, code in more.items()}
    assert read(CHILD, [condition(SNOMED, "444356002", **states)]).facts.traits == {"female"}


def test_traits_of_the_clinic_and_the_mother_come_from_the_caller() -> None:
    assert read(CHILD, [], traits=frozenset({"hiv-exposed"})).facts.traits == {"female", "hiv-exposed"}


@pytest.mark.parametrize("death", [{"deceasedBoolean": True}, {"deceasedDateTime": "2024-05"}])
def test_nothing_is_due_to_the_dead(death: dict[str, Any]) -> None:
    assert stand(WHO, read(CHILD | death, []).facts).due == ()
    assert stand(WHO, read(CHILD | {"deceasedBoolean": False}, []).facts).due


def test_an_estimated_birth_date_never_makes_a_dose_too_early() -> None:
    found = read({"birthDate": "2024-02"}, [])
    assert (found.facts.born, found.facts.born_exact) == (date(2024, 2, 29), False)


@cache
def synthea() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    people = []
    with gzip.open(DATA / "synthea_r4_120_patients.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            held = [entry["resource"] for entry in json.loads(line)["entry"]]
            [patient] = [one for one in held if one["resourceType"] == "Patient"]
            people.append((patient, held))
    return people


def test_all_of_syntheas_vaccinations_are_understood() -> None:
    found = [read(patient, held) for patient, held in synthea()]
    assert sum(len(one.facts.given) for one in found) == 1453
    assert [told for one in found for told in one.unclear] == []


def test_syntheas_children_stand_in_whos_schedule_as_their_american_schedule_says() -> None:
    """Their separate DTP, Hib and hepatitis B are given together at two and at six months, and count as five-in-one."""
    counted = Counter(
        dose.dose for patient, held in synthea() for dose in stand(WHO, read(patient, held).facts).counted
    )
    assert counted["measles-1"] > 0
    assert counted["dtp-1"] > 0
    assert counted["pcv-3"] > 0
    assert counted["opv-1"] == 0


def who_examples() -> list[dict[str, Any]]:
    found = []
    with tarfile.open(DATA / "who_smart_anc_examples.tar.gz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None and "/immunization-" in member.name and member.name.endswith(".json"):
                resource = json.loads(file.read())
                if resource.get("resourceType") == "Immunization":
                    found.append(resource)
    return found


def test_whos_examples_are_tetanus_hepatitis_b_and_influenza_and_no_reason_or_malaria_medicine_is_a_vaccine() -> None:
    examples = who_examples()
    found = read({"birthDate": "1995"}, examples)
    assert Counter(names(found)) == {"tt": 5, "hepb": 3, "influenza": 1}
    assert all(one.why == "unknown-vaccine" for one in found.unclear)
    assert not any("IPTp" in one.text for one in found.unclear)


def test_the_order_of_tetanus_doses_is_that_of_their_dates_not_of_their_codes() -> None:
    """In WHO's examples the "second" dose is dated before the first, and the fifth before the fourth."""
    found = read({"birthDate": "1995"}, who_examples(), pregnant_since=date(2021, 1, 1))
    standing = stand(MOTHER, found.facts)
    days = [one.day for one in standing.counted]
    assert days == sorted(days)
    assert [one.dose for one in standing.counted] == ["tetanus-1", "tetanus-2"]


@given(st.permutations(who_examples()))
def test_no_order_of_resources_changes_the_facts(held: list[dict[str, Any]]) -> None:
    assert read(CHILD, held) == read(CHILD, who_examples())


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["resourceType", "status", "vaccineCode", "code", "occurrenceDateTime", "route", "id"]),
            st.sampled_from(
                ["Immunization", "completed", 5, None, [], {}, {"coding": 3}, {"coding": [None, {"code": 5}]}, "2024"]
            ),
        ),
        max_size=4,
    )
)
def test_resources_of_any_shape_are_read_without_error(held: list[dict[str, Any]]) -> None:
    assert read(CHILD, held).facts.given == ()
