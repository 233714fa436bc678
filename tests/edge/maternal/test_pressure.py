"""Blood pressure at, just below and above each threshold; with and without rest, protein and signs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.maternal import concepts as said
from edge_node.maternal.facts import Pregnancy
from edge_node.maternal.pressure import judged, pressures
from tests.edge.maternal.making import Record, dated, week

DAY = week(30)


def codes(pregnancy: Pregnancy) -> dict[str, str]:
    return {each.code: each.degree for each in pressures(pregnancy)}


def after(
    first: tuple[int, int], second: tuple[int, int] | None = None, protein: int | None = None, sign: str = ""
) -> dict[str, str]:
    record, episode = dated()
    record.pressure(*first, f"{DAY}T09:00:00Z", episode)
    if second is not None:
        record.pressure(*second, f"{DAY}T09:12:00Z", episode, repeat=True)
    if protein is not None:
        record.sign("urine-protein", said.PROTEIN[str(protein)], DAY, episode)
    if sign:
        record.sign("pre-eclampsia-symptoms", said.PRE_ECLAMPSIA_SYMPTOMS[sign], DAY, episode)
    return codes(record.pregnancy())


@pytest.mark.parametrize(
    ("upper", "lower", "level"),
    [
        (139, 89, 0),
        (140, 89, 1),
        (139, 90, 1),
        (159, 109, 1),
        (160, 89, 2),
        (120, 110, 2),
        (141, 90, 1),
    ],
)
def test_high_from_140_or_90_and_severe_from_160_or_110(upper: int, lower: int, level: int) -> None:
    record, episode = dated()
    record.pressure(upper, lower, DAY, episode)
    seen = judged(record.pregnancy())
    assert seen is not None
    assert seen.level == level


def test_a_normal_pressure_finds_nothing() -> None:
    assert after((139, 89)) == {}


def test_a_first_high_reading_asks_for_rest_and_a_second() -> None:
    assert after((140, 85)) == {"pressure-again": "manage", "test-urine": "manage"}


def test_what_rest_settles_is_only_told() -> None:
    assert after((150, 95), (139, 89)) == {"pressure-settled": "inform"}


def test_a_single_severe_reading_refers_until_a_second_is_lower() -> None:
    assert after((160, 80))["severe-pressure-once"] == "refer"
    assert after((170, 115), (150, 95), protein=0) == {"hypertension": "manage"}
    assert after((170, 115), (130, 80), protein=0) == {"pressure-settled": "inform"}


def test_confirmed_by_either_value() -> None:
    assert after((142, 85), (138, 92), protein=0) == {"hypertension": "manage"}
    assert after((160, 100), (161, 100), protein=1) == {"severe-hypertension": "refer"}


@pytest.mark.parametrize(
    ("pressure", "protein", "found"),
    [
        ((140, 80), 1, {"hypertension": "manage"}),
        ((140, 80), 2, {"pre-eclampsia": "refer"}),  # The published "≤ 140" has this and 139, but not 141.
        ((141, 80), 2, {"pre-eclampsia": "refer"}),
        ((139, 80), 2, {}),
        ((159, 109), 4, {"pre-eclampsia": "refer"}),
        ((160, 80), 2, {"severe-pre-eclampsia-by-pressure": "refer"}),
    ],
)
def test_pre_eclampsia_is_a_confirmed_high_pressure_with_two_plus_of_protein(
    pressure: tuple[int, int], protein: int, found: dict[str, str]
) -> None:
    assert after(pressure, pressure, protein) == found


@pytest.mark.parametrize("sign", [each.name for each in said.PRE_ECLAMPSIA_SYMPTOMS if each.name != "none"])
def test_any_sign_with_a_confirmed_high_pressure_is_severe(sign: str) -> None:
    assert after((140, 90), (140, 90), 0, sign) == {"severe-pre-eclampsia": "refer"}
    assert after((140, 90), None, 0, sign) == {"raised-with-signs": "refer", "pressure-again": "manage"}
    assert after((139, 89), (139, 89), 0, sign) == {}


def test_that_there_is_no_sign_is_no_sign() -> None:
    assert after((140, 90), (140, 90), 0, "none") == {"hypertension": "manage"}


def test_a_headache_among_the_danger_signs_counts_too() -> None:
    record, episode = dated()
    record.pressure(150, 95, DAY, episode)
    record.pressure(150, 95, DAY, episode, repeat=True)
    record.sign("danger-signs", said.DANGER_SIGNS["severe-headache"], DAY, episode)
    assert codes(record.pregnancy())["severe-pre-eclampsia"] == "refer"


def test_only_the_last_day_counts_and_protein_of_the_week_before_it() -> None:
    record, episode = dated()
    record.pressure(170, 115, week(29), episode)
    record.sign("urine-protein", said.PROTEIN["3"], week(28, 6), episode)
    record.pressure(145, 92, week(30), episode)
    record.pressure(145, 92, week(30), episode, repeat=True)
    assert codes(record.pregnancy()) == {"hypertension": "manage", "test-urine": "manage"}
    record.sign("urine-protein", said.PROTEIN["3"], week(29), episode)
    assert codes(record.pregnancy()) == {"pre-eclampsia": "refer"}


@given(st.lists(st.tuples(st.integers(80, 220), st.integers(40, 140)), min_size=1, max_size=4))
def test_whenever_the_last_two_readings_are_severe_she_is_referred(readings: list[tuple[int, int]]) -> None:
    record = Record()
    episode = record.episode(week(8))
    for minute, (upper, lower) in enumerate([*readings, (160, 110), (160, 110)]):
        record.pressure(upper, lower, f"{DAY}T09:{minute:02}:00Z", episode)
    assert "refer" in codes(record.pregnancy()).values()


def test_a_reading_of_one_value_alone_is_judged_by_it() -> None:
    record, episode = dated()
    record.observe("systolic", DAY, episode, valueQuantity={"value": Decimal(165), "code": "mm[Hg]"})
    assert codes(record.pregnancy())["severe-pressure-once"] == "refer"
