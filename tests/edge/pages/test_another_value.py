"""A third value for a conflict: what is typed comes out as FHIR, and what nobody touched stays."""

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.forms.parsing import Questions
from edge_node.pages.another_value import Way, ways, written
from edge_node.store.model import Value

TODAY = date(2026, 5, 1)
RXNORM = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "723", "display": "Amoxicillin"}


def value(said: Any) -> Value:
    return Value(msgspec.Raw(json.dumps(said).encode()) if said is not None else None, "ama", "midwife", 0, 0, False)


def way_of(type_: str, element: str, *said: Any) -> Way:
    return ways(type_, element, [value(one) for one in said])[0]


def typed(way: Way, *texts: str, **parts: str) -> Any:
    """What comes of typing these into the fields, in their order; `parts` are those of the first."""
    names = [leaf.field.name for leaf in way.leaves]
    sent = {**way.start, **{name: (text,) for name, text in zip(names, texts, strict=False)}}
    sent |= {f"{names[0]}.{part}": (text,) for part, text in parts.items()}
    made = written(way, sent, TODAY)
    return made if isinstance(made, Questions) else json.loads(made)


def test_a_date_is_written_as_a_date_and_may_be_a_month_alone() -> None:
    way = way_of("Patient", "birthDate", {"birthDate": "1990-05-01"}, {"birthDate": "1991-05-01"})
    assert typed(way, day="3", month="6", year="1989") == {"birthDate": "1989-06-03"}
    assert typed(way, day="", month="6", year="1989") == {"birthDate": "1989-06"}


def test_what_belonged_to_the_old_date_goes_with_it() -> None:
    estimated = {"birthDate": "1990", "_birthDate": {"extension": [{"url": "urn:example", "valueBoolean": True}]}}
    assert typed(way_of("Patient", "birthDate", estimated), year="1991") == {"birthDate": "1991"}


def test_new_words_for_a_substance_keep_no_code_of_the_old_one() -> None:
    way = way_of("AllergyIntolerance", "code", {"code": {"coding": [RXNORM]}}, {"code": {"text": "Penicillin"}})
    assert typed(way, "Cotrimoxazole") == {"code": {"text": "Cotrimoxazole"}}
    assert typed(way, "amoxicillin") == {"code": {"coding": [RXNORM]}}, "the words of one of the values mean that value"


def test_a_state_is_chosen_among_words_and_written_as_its_code() -> None:
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    both = {"clinicalStatus": {"coding": [{"system": system, "code": "active"}]}}
    way = way_of("AllergyIntolerance", "verification", both)
    assert {str(choice.label) for choice in way.leaves[0].field.choices} == {"Active", "Inactive", "Resolved"}
    assert typed(way, "resolved") == {"clinicalStatus": {"coding": [{"system": system, "code": "resolved"}]}}


def test_an_amount_keeps_its_unit_its_digits_and_no_less_than() -> None:
    held = {"valueQuantity": {"comparator": "<", "value": 10.0, "unit": "g/dL", "code": "g/dL"}}
    way = way_of("Observation", "value[x]", held)
    assert way.leaves[0].field.unit == "g/dL"
    made = written(way, {way.leaves[0].field.name: ("9.50",)}, TODAY)
    assert made == b'{"valueQuantity":{"value":9.50,"unit":"g/dL","code":"g/dL"}}'


def test_reactions_are_written_one_by_one_and_an_emptied_one_goes() -> None:
    held = {
        "reaction": [{"manifestation": [{"text": "Rash"}], "severity": "mild"}, {"manifestation": [{"text": "Itch"}]}]
    }
    way = way_of("AllergyIntolerance", "reaction", held)
    assert typed(way, "Hives", "severe", "") == {
        "reaction": [{"manifestation": [{"text": "Hives"}], "severity": "severe"}]
    }


def test_a_number_on_a_card_keeps_its_system() -> None:
    way = way_of("Patient", "identifier|5f0c", {"system": "urn:card", "use": "usual", "value": "4711"})
    assert [str(leaf.field.label) for leaf in way.leaves] == ["Value"]
    assert typed(way, "4712") == {"system": "urn:card", "use": "usual", "value": "4712"}


def test_values_of_different_kinds_have_a_form_each() -> None:
    found = ways(
        "Patient", "deceased[x]", [value({"deceasedBoolean": True}), value({"deceasedDateTime": "2026-04-30"})]
    )
    assert [way.leaves[0].of for way in found] == ["boolean", "date"]
    assert len({leaf.field.name for way in found for leaf in way.leaves}) == 2


def test_an_instruction_is_written_in_words() -> None:
    held = {
        "status": "active",
        "medicationCodeableConcept": {"text": "Amoxicillin"},
        "dosageInstruction": [{"text": "1"}],
    }
    way = way_of("MedicationRequest", "medication", held)
    made = typed(way, "active", "Amoxicillin", "2 tablets, three times a day")
    assert made["dosageInstruction"] == [{"text": "2 tablets, three times a day"}]
    assert made["medicationCodeableConcept"] == {"text": "Amoxicillin"}


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("~", {}),
        ("identifier|", ["a", "b"]),
        ("patient", {"patient": {"reference": "Patient/a"}}),
        ("code", None),
    ],
)
def test_what_cannot_be_typed_is_only_chosen(element: str, said: Any) -> None:
    assert ways("AllergyIntolerance", element, [value(said)]) == ()


def test_nothing_typed_is_asked_back() -> None:
    way = way_of("Patient", "birthDate", {"birthDate": "1990"})
    assert isinstance(typed(way, year=""), Questions)
    assert isinstance(typed(way, year="199"), Questions)


_TEXTS = st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=12)
_CONCEPTS = st.fixed_dictionaries({"text": _TEXTS}, optional={"coding": st.just([RXNORM])})
_VALUES = st.one_of(
    st.tuples(st.just("Patient"), st.just("birthDate"), st.fixed_dictionaries({"birthDate": st.dates().map(str)})),
    st.tuples(st.just("Condition"), st.just("code"), st.fixed_dictionaries({"code": _CONCEPTS})),
    st.tuples(
        st.just("Observation"),
        st.just("value[x]"),
        st.fixed_dictionaries(
            {"valueQuantity": st.fixed_dictionaries({"value": st.integers(0, 500), "unit": st.just("mmHg")})}
        ),
    ),
    st.tuples(
        st.just("Encounter"),
        st.just("effective"),
        st.fixed_dictionaries(
            {"period": st.fixed_dictionaries({"start": st.dates(date(1900, 1, 1)).map(lambda day: f"{day}T10:15:00Z")})}
        ),
    ),
)


@given(_VALUES)
def test_what_nobody_touched_stays_as_it_was(one: tuple[str, str, Any]) -> None:
    type_, element, held = one
    for way in ways(type_, element, [value(held)]):
        made = written(way, way.start, TODAY)
        assert not isinstance(made, Questions)
        assert json.loads(made) == held
