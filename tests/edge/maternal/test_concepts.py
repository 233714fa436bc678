"""A concept that is written is found again, and no code means two things."""

from decimal import Decimal
from typing import Any

import pytest

from edge_node.concepts import LOINC, VITAL_SIGNS, WHO_ANC, Concept, Table, amount, codeable, concept, quantity, says
from edge_node.immunisation.vaccines import VACCINES
from edge_node.maternal import concepts, history_concepts

TABLES = [
    VITAL_SIGNS,
    *(each for module in (concepts, history_concepts) for each in vars(module).values() if type(each) is Table),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: next(iter(table)).name)
def test_what_is_written_is_found_again(table: Table) -> None:
    for each in table:
        assert each.codings or each.words
        if each.codings:
            assert table.find(codeable(each)) is each


def test_statements_and_vital_signs_share_no_code() -> None:
    assert [each.name for each in Table([*VITAL_SIGNS, *concepts.STATEMENTS])] == [
        each.name for table in (VITAL_SIGNS, concepts.STATEMENTS) for each in table
    ]


def test_every_vaccine_that_holds_tetanus_is_a_tetanus_dose() -> None:
    for vaccine in VACCINES.values():
        for coding in vaccine.concept.codings:
            found = history_concepts.VACCINES.find({"coding": [{"system": coding.system, "code": coding.code}]})
            assert (found is not None and found.name == "tetanus") is ("tetanus" in vaccine.antigens)


@pytest.mark.parametrize("said", concepts.RESULT_VALUES.items(), ids=lambda said: " ".join(said[0]))
def test_each_result_that_is_written_is_read_as_itself(said: tuple[tuple[str, str], Concept]) -> None:
    (_, name), written = said
    for coding in codeable(written)["coding"]:
        found = concepts.RESULTS.find({"coding": [coding]})
        assert found is not None
        assert found.name == name == written.name


def test_a_table_refuses_a_code_with_two_meanings() -> None:
    with pytest.raises(ValueError, match="718-7 means a and b"):
        Table([concept("a", "A", loinc="718-7"), concept("b", "B", loinc="718-7")])


def test_any_coding_is_enough_and_an_address_may_be_another() -> None:
    newer = {
        "coding": [
            {"system": "urn:x", "code": "?"},
            {"system": "http://smart.who.int/anc/CodeSystem/anc-custom-codes", "code": "ANC.B6.DE14"},
        ]
    }
    assert says(newer, concepts.STATEMENTS["lmp"])
    assert codeable(concepts.STATEMENTS["lmp"])["coding"][0] == {"system": LOINC, "code": "8665-2"}


def test_of_each_system_one_code_is_written() -> None:
    written = codeable(VITAL_SIGNS["systolic"])["coding"]
    assert [each["code"] for each in written if each["system"] == WHO_ANC] == ["ANC.B8.DE17"]


@pytest.mark.parametrize(
    ("given", "unit", "result"),
    [
        ({"value": 104, "code": "g/L"}, "g/dL", Decimal("10.4")),
        ({"value": Decimal("10.4"), "unit": "g/dl"}, "g/dL", Decimal("10.4")),
        ({"value": 12.5, "code": "wk"}, "d", Decimal("87.5")),
        ({"value": 98.6, "code": "[degF]"}, "Cel", Decimal(37)),
        ({"value": 120, "unit": "mmHg"}, "mm[Hg]", Decimal(120)),
        ({"value": 16, "unit": "kPa"}, "mm[Hg]", Decimal("120.009872")),
        ({"value": 60}, "kg", None),
        ({"value": 60, "code": "m"}, "kg", None),
        ({"value": float("nan"), "code": "kg"}, "kg", None),
        ({"value": 1e300, "code": "kg"}, "kg", None),
        ({"value": -1e300, "code": "kg"}, "kg", None),
        ({"value": Decimal("1e-300"), "code": "kg"}, "kg", None),
        ({"value": Decimal("1e999999"), "code": "kg"}, "kg", None),
        ({"value": 0, "code": "kg"}, "kg", Decimal(0)),
        ({"value": 10**12, "code": "kg"}, "kg", Decimal(10**12)),
        ({"value": "60", "code": "kg"}, "kg", None),
        ({"value": 1e9, "code": "kg"}, "kg", Decimal(10**9)),
        ({"value": Decimal("1e300"), "code": "kg"}, "kg", None),
        ({"value": Decimal("-1e300"), "code": "kg"}, "kg", None),
        ({"value": Decimal("1e999999"), "code": "g"}, "kg", None),
        (None, "kg", None),
    ],
)
def test_amounts_come_in_the_unit_asked_for_or_not_at_all(given: Any, unit: str, result: Decimal | None) -> None:
    assert amount(given, unit) == result


def test_a_quantity_that_is_written_is_read_again() -> None:
    weight = VITAL_SIGNS["weight"]
    assert amount(quantity(Decimal("61.5"), weight), weight.unit) == Decimal("61.5")
