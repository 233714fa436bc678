"""Danger signs, anaemia, results and datings are found, with their degree, and every code has words."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from edge_node.language import Text
from edge_node.maternal import concepts as said
from edge_node.maternal import texts
from edge_node.maternal.anaemia import adjusted, severity, trimester
from edge_node.maternal.assessing import findings
from edge_node.maternal.danger import newborn_dangers
from edge_node.maternal.facts import Newborn, Sign
from edge_node.programme import Programme
from tests.edge.maternal.making import LMP, Record, dated, expected, week

PROGRAMME = Programme()


def found(record: Record, programme: Programme = PROGRAMME) -> dict[str, str]:
    mother = record.read()
    return {each.code: each.degree for each in findings(mother, mother.pregnancies[-1], programme)}


def test_the_danger_signs_are_the_thirteen_of_who() -> None:
    names = {each.name.replace("-", " ") for each in said.DANGER_SIGNS} - {"none"}
    theirs = {sign.lower().replace("bleeding vaginally", "bleeding") for sign in expected()["who_danger_signs"]}
    assert len(names) == 13
    assert names == theirs


@pytest.mark.parametrize("sign", [each.name for each in said.DANGER_SIGNS if each.name != "none"])
def test_each_danger_sign_refers(sign: str) -> None:
    record, episode = dated()
    record.sign("danger-signs", said.DANGER_SIGNS[sign], week(20), episode)
    assert found(record)["danger-signs"] == "refer"


def test_a_danger_sign_stands_until_it_was_looked_for_again() -> None:
    record, episode = dated()
    record.sign("danger-signs", said.DANGER_SIGNS["fever"], week(20), episode)
    record.pressure(110, 70, week(24), episode)
    assert "danger-signs" in found(record)
    record.sign("danger-signs", said.DANGER_SIGNS["none"], week(24), episode)
    assert "danger-signs" not in found(record)


def test_a_danger_sign_beats_a_none_of_the_same_day() -> None:
    record, episode = dated()
    record.sign("danger-signs", said.DANGER_SIGNS["none"], week(20), episode)
    record.sign("danger-signs", said.DANGER_SIGNS["convulsing"], week(20), episode)
    assert found(record)["danger-signs"] == "refer"


@pytest.mark.parametrize(("rate", "refers"), [(109, True), (110, False), (159, False), (160, True)])
def test_the_heart_of_the_baby_beats_110_to_159_times(rate: int, refers: bool) -> None:
    record, episode = dated()
    record.measure("fetal-heart-rate", rate, week(30), episode)
    assert ("heart-rate" in found(record)) is refers


def test_a_baby_that_does_not_move_or_is_not_heard_refers() -> None:
    record, episode = dated()
    record.sign("fetal-movement", said.MOVEMENTS["none"], week(30), episode)
    record.observe("fetal-heartbeat", week(30), episode, valueBoolean=False)
    assert {code for code, degree in found(record).items() if degree == "refer"} == {"movement-none", "no-heartbeat"}


@pytest.mark.parametrize(("days", "number"), [(0, 1), (90, 1), (91, 2), (195, 2), (196, 3), (280, 3)])
def test_trimesters_end_with_12w6d_and_27w6d(days: int, number: int) -> None:
    assert trimester(days) == number


@pytest.mark.parametrize(
    ("haemoglobin", "in_trimester", "result"),
    [
        ("11.0", 1, "none"), ("10.9", 1, "mild"), ("10.5", 2, "none"), ("10.4", 2, "mild"), ("10.9", 2, "none"), ("10.9", 3, "mild"),
        ("10.0", 2, "mild"), ("9.9", 2, "moderate"), ("7.0", 2, "moderate"), ("6.9", 2, "severe"), ("6.9", None, "severe"),
        ("10.9", None, "mild"),
    ],
)  # fmt: skip
def test_anaemia_begins_and_is_severe_where_who_says(haemoglobin: str, in_trimester: int | None, result: str) -> None:
    assert severity(Decimal(haemoglobin), in_trimester) == result


@pytest.mark.parametrize(
    ("altitude", "smokes", "result"),
    [
        (0, False, "11.0"),
        (499, False, "11.0"),
        (500, False, "10.6"),
        (1500, False, "9.9"),
        (2000, True, "9.3"),
        (4700, False, "7.7"),
    ],
)
def test_altitude_and_smoking_are_taken_off(altitude: int, smokes: bool, result: str) -> None:
    assert adjusted(Decimal("11.0"), altitude, smokes) == Decimal(result)


def test_severe_anaemia_refers_and_a_milder_one_is_treated() -> None:
    record, episode = dated()
    record.measure("haemoglobin", Decimal("6.9"), week(20), episode)
    assert found(record)["severe-anaemia"] == "refer"
    record.measure("haemoglobin", Decimal("7.0"), week(21), episode)
    assert found(record)["anaemia"] == "manage"
    record.measure("haemoglobin", Decimal("10.5"), week(24), episode)
    assert {"anaemia", "severe-anaemia"} & found(record).keys() == set()
    assert found(record, Programme(altitude_m=1600))["anaemia"] == "manage"


def test_hiv_on_her_list_of_illnesses_is_known_without_a_test() -> None:
    record, _ = dated()
    record.condition("hiv")
    assert found(record) == {"hiv-positive": "manage", "ask-co-trimoxazole": "manage"}


def test_positive_tests_are_managed_here() -> None:
    record, episode = dated()
    for name in ("hiv-test", "syphilis-test", "hepatitis-b-test"):
        record.test(name, "positive", week(12), episode)
    assert found(record, Programme(malaria=False)) == {
        "hiv-positive": "manage",
        "syphilis-positive": "manage",
        "hepatitis-b-positive": "manage",
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("fasting-glucose", "5.0", ""), ("fasting-glucose", "5.1", "gestational-diabetes"), ("fasting-glucose", "7.0", "diabetes"),
        ("glucose-one-hour", "10.0", "gestational-diabetes"), ("glucose-two-hours", "8.4", ""),
        ("glucose-two-hours", "8.5", "gestational-diabetes"), ("glucose-two-hours", "11.1", "diabetes"),
        ("random-glucose", "11.0", ""), ("random-glucose", "11.1", "diabetes"),
    ],
)  # fmt: skip
def test_blood_sugar_is_judged_by_the_criteria_of_2013(name: str, value: str, code: str) -> None:
    record, episode = dated()
    record.measure(name, Decimal(value), week(25), episode)
    assert found(record).keys() == ({code} if code else set())


def test_two_last_periods_and_a_redating_are_told() -> None:
    record, episode = dated()
    record.lmp(LMP + timedelta(30), week(12), episode)
    assert found(record) == {"two-last-periods": "manage", "dating-disagrees": "manage"}
    record.accept(week(40), week(13), episode)
    assert found(record) == {}
    record.accept(week(40) + timedelta(30), week(14), episode)
    assert found(record) == {"redated": "inform"}


def test_after_a_birth_her_danger_signs_and_pressure_are_still_looked_at() -> None:
    record, episode = dated()
    record.measure("haemoglobin", Decimal("9.0"), week(38), episode)
    record.outcome("live-birth", week(39), episode)
    record.sign("postnatal-danger-signs", said.POSTNATAL_DANGER_SIGNS["heavy-bleeding"], week(39, 2), episode)
    record.pressure(165, 112, week(39, 2), episode)
    assert found(record) == {"postnatal-danger-signs": "refer", "severe-pressure-once": "refer", "test-urine": "manage"}


@pytest.mark.parametrize(
    ("days", "sign", "stands"),
    [(-1, "none", True), (0, "none", False), (2, "none", False), (0, "heavy-bleeding", False)],
)
def test_a_danger_sign_of_pregnancy_stands_until_signs_after_birth_were_looked_for(
    days: int, sign: str, stands: bool
) -> None:
    record, episode = dated()
    record.sign("danger-signs", said.DANGER_SIGNS["bleeding"], week(39), episode)
    record.outcome("live-birth", week(39), episode)
    assert found(record) == {"danger-signs": "refer"}
    record.sign("postnatal-danger-signs", said.POSTNATAL_DANGER_SIGNS[sign], week(39, days), episode)
    assert ("danger-signs" in found(record)) is stands
    assert ("postnatal-danger-signs" in found(record)) is (sign != "none")


@pytest.mark.parametrize(("kind", "stands"), [("live-birth", False), ("stillbirth", False), ("moved", True)])
def test_what_was_found_of_an_unborn_baby_ends_with_its_birth(kind: str, stands: bool) -> None:
    record, episode = dated()
    record.sign("fetal-movement", said.MOVEMENTS["none"], week(39), episode)
    record.measure("fetal-heart-rate", 100, week(39), episode)
    record.outcome(kind, week(39), episode)
    assert set(found(record)) == ({"movement-none", "heart-rate"} if stands else set())


def test_of_a_woman_who_died_nothing_is_found() -> None:
    record, episode = dated()
    record.sign("danger-signs", said.DANGER_SIGNS["fever"], week(20), episode)
    record.patient["deceasedBoolean"] = True  # type: ignore[assignment]
    assert found(record) == {}


def test_each_danger_sign_of_a_newborn_refers() -> None:
    signs = tuple(
        Sign(ref=f"Observation/{each.name}", on=week(40), kind="newborn-danger-signs", value=each.name)
        for each in said.NEWBORN_DANGER_SIGNS
    )
    baby = Newborn(id="b", born=week(39), signs=signs)
    refers = [each for each in newborn_dangers(baby) if each.degree == "refer"]
    assert len(refers) == len(signs) - 1 == 8


def placeholders(text: Text) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text.message))


def test_every_finding_has_words_with_its_own_parameters() -> None:
    record, episode = dated()
    record.pressure(150, 95, week(30), episode)
    record.measure("haemoglobin", Decimal("8.0"), week(30), episode)
    record.sign("danger-signs", said.DANGER_SIGNS["fever"], week(30), episode)
    record.lmp(LMP + timedelta(30), week(12), episode)
    record.allergy("sulfa")
    record.give("sulfadoxine-pyrimethamine", week(12), episode)
    mother = record.read()
    every = findings(mother, mother.pregnancies[0], Programme())
    assert len(every) >= 7
    for each in every:
        assert placeholders(texts.FINDINGS[each.code]) <= dict(each.params).keys()


def test_words_name_codes_in_plain_english() -> None:
    assert str(texts.word_of("sign", "convulsing")) == "Fits"
    assert str(texts.word_of("reason", "sulfa-allergy")) == "allergy to sulfa medicines"
    assert texts.word_of("systolic", "150") is None
