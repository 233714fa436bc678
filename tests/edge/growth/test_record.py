"""FHIR Observations as a child's measurements."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_node.concepts import LOINC, SNOMED, VITAL_SIGNS, codeable, quantity
from edge_node.growth.child import Score, assess
from edge_node.growth.record import OEDEMA, read
from edge_node.growth.standard import Indicator, Sex

DATA = Path(__file__).parents[2] / "data"
CHILD = {"resourceType": "Patient", "id": "c", "birthDate": "2023-03-10", "gender": "male"}


def observation(name: str, value: float, day: str = "2024-03-10", **more: Any) -> dict[str, Any]:
    concept = VITAL_SIGNS[name]
    measured = quantity(value, concept)  # type: ignore[arg-type]
    return {
        "resourceType": "Observation",
        "id": f"{name}-{day}-{value}",
        "status": "final",
        "code": codeable(concept),
        "effectiveDateTime": day,
        "valueQuantity": measured,
        **more,
    }


def test_what_was_measured_on_one_day_is_one_measurement() -> None:
    held = [
        observation("weight", 9.6),
        observation("length", 75.5),
        observation("muac", 14.0),
        observation("head-circumference", 46.0),
    ]
    found = read(CHILD, held)
    assert found is not None
    [measured] = found.measured
    assert (measured.weight_kg, measured.length_cm, measured.muac_cm, measured.head_cm) == (9.6, 75.5, 14.0, 46.0)
    assert measured.position == "lying"
    assert found.sex is Sex.MALE


def test_units_are_converted_and_a_number_without_unit_is_no_measurement() -> None:
    grams = observation("weight", 9.6) | {"valueQuantity": {"value": 9600, "unit": "g"}}
    metres = observation("height", 0.8) | {"valueQuantity": {"value": 0.8, "unit": "m"}}
    bare = observation("muac", 14) | {"valueQuantity": {"value": 14}}
    found = read(CHILD, [grams, metres, bare])
    assert found is not None
    [measured] = found.measured
    assert (measured.weight_kg, measured.length_cm, measured.muac_cm, measured.position) == (9.6, 80.0, None, "")


def test_what_was_entered_in_error_or_before_birth_or_without_a_day_is_left_out() -> None:
    held = [
        observation("weight", 9.6, status="entered-in-error"),
        observation("weight", 3.0, "2023-03-09"),
        observation("weight", 3.0, "2023"),
        observation("weight", 0.0),
    ]
    found = read(CHILD, held)
    assert found is not None
    assert found.measured == ()


def test_of_two_values_of_one_day_the_later_counts_in_whatever_order_they_come() -> None:
    early, late = observation("weight", 9.0, "2024-03-10T08:00:00Z"), observation("weight", 9.6, "2024-03-10T11:00:00Z")
    for held in ([early, late], [late, early]):
        found = read(CHILD, held)
        assert found is not None
        assert [one.weight_kg for one in found.measured] == [9.6]


def test_oedema_is_read_from_yes_and_from_present() -> None:
    said = {
        "resourceType": "Observation",
        "status": "final",
        "code": codeable(OEDEMA),
        "effectiveDateTime": "2024-03-10",
    }
    present = {"coding": [{"system": SNOMED, "code": "52101004"}]}
    for value, oedema in (
        ({"valueBoolean": True}, True),
        ({"valueBoolean": False}, False),
        ({"valueCodeableConcept": present}, True),
    ):
        found = read(CHILD, [said | value])
        assert found is not None
        assert [one.oedema for one in found.measured] == [oedema]


def test_components_are_read_too() -> None:
    weight = observation("weight", 9.6)
    panel = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "85353-1"}]},
        "effectiveDateTime": "2024-03-10",
        "component": [{"code": weight["code"], "valueQuantity": weight["valueQuantity"]}, None, {"code": 5}],
    }
    found = read(CHILD, [panel])
    assert found is not None
    assert [one.weight_kg for one in found.measured] == [9.6]


def test_without_sex_or_birth_date_there_is_no_standard() -> None:
    assert read({"birthDate": "2023-03-10"}, []) is None
    assert read({"birthDate": "2023-03-10", "gender": "other"}, []) is None
    assert read({"gender": "male"}, []) is None


def test_an_estimated_birth_date_is_its_middle_and_said_to_be_rough() -> None:
    month, year = read(CHILD | {"birthDate": "2023-03"}, []), read(CHILD | {"birthDate": "2023"}, [])
    assert month is not None
    assert year is not None
    assert (month.born, month.born_exact) == (date(2023, 3, 15), False)
    assert (year.born, year.born_exact) == (date(2023, 7, 1), False)


def test_syntheas_small_children_are_of_plausible_size() -> None:
    scores: list[Score] = []
    with gzip.open(DATA / "synthea_r4_120_patients.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            held = [entry["resource"] for entry in json.loads(line)["entry"]]
            [patient] = [one for one in held if one["resourceType"] == "Patient"]
            child = read(patient, held)
            assert child is not None
            for measured in child.measured:
                scores += assess(child.born, child.sex, measured).scores
    lengths = [score for score in scores if score.indicator == Indicator.LENGTH_FOR_AGE]
    assert len(lengths) > 100
    assert sum(score.plausible for score in lengths) > 0.97 * len(lengths)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["resourceType", "status", "code", "effectiveDateTime", "component", "valueQuantity"]),
            st.sampled_from(
                [
                    "Observation",
                    "final",
                    5,
                    None,
                    [],
                    {},
                    [3],
                    {"coding": [None, {"code": 5}]},
                    {"value": "x", "unit": "kg"},
                    "2024-01-01",
                ]
            ),
        ),
        max_size=4,
    )
)
def test_resources_of_any_shape_are_read_without_error(held: list[dict[str, Any]]) -> None:
    found = read(CHILD, held)
    assert found is not None
    assert found.measured == ()
