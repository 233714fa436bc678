"""The score of two descriptions is mutual, grows with what agrees, tells what it is made of, and keeps families apart."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sync_protocol.matching import scoring
from sync_protocol.matching.dates import born_level
from sync_protocol.matching.person import Person, person_of

NAMES = "ama abena amma fatima fatuma fatoumata mensah mensa owusu diallo jallow k kwame kouame emma emmanuel".split()
words = st.lists(st.sampled_from(NAMES), max_size=4, unique=True).map(tuple)
dates = st.sampled_from(
    ["", "1990", "1991-05", "1990-05-04", "1990-04-05", "1990-05-14", "1990-01-01", "1950-05-04", "2001-12-31"]
)
phones = st.lists(st.sampled_from(["241234567", "241234568", "501234567", "277654321"]), max_size=2, unique=True).map(
    tuple
)
places = st.lists(st.sampled_from(["kofor", "koforidua", "tema", "temale"]), max_size=2, unique=True).map(tuple)
identifiers = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])), max_size=2, unique=True
).map(lambda pairs: tuple(sorted(pairs)))
people = st.builds(
    Person,
    names=words,
    born=dates,
    estimated=st.booleans(),
    sex=st.sampled_from(["", "female", "male"]),
    phones=phones,
    places=places,
    mother=words,
    identifiers=identifiers,
)
FIELDS = ("names", "sex", "phones", "places", "mother", "identifiers")
frequency = scoring.frequencies({"ama": 9_000, "mensah": 6_000, "fatima": 300}, 100_000)

MOTHER = Person(
    ("ama", "mensah"), "1990-05-04", sex="female", phones=("241234567",), places=("tema",), mother=("abena",)
)


def bits(a: Person, b: Person) -> float:
    return scoring.compare(a, b, frequency=frequency).bits


@given(people, people)
def test_the_score_is_mutual(a: Person, b: Person) -> None:
    there, back = scoring.compare(a, b, frequency=frequency), scoring.compare(b, a, frequency=frequency)
    assert there.bits == pytest.approx(back.bits)
    assert there.probability == pytest.approx(back.probability)
    assert there.grade == back.grade


@given(people, people)
def test_the_shares_are_the_score_but_for_what_a_household_shares(a: Person, b: Person) -> None:
    score = scoring.compare(a, b)
    household = sum(one.bits for one in score.shares if one.field in ("phone", "place", "mother"))
    others = sum(one.bits for one in score.shares if one.field not in ("phone", "place", "mother"))
    assert score.bits == pytest.approx(others + min(household, scoring.HOUSEHOLD_BITS_MAX))
    assert 0 <= score.probability <= 1


@given(people, people, st.sampled_from(FIELDS))
def test_a_field_that_agrees_never_scores_less_than_one_that_does_not(a: Person, b: Person, field: str) -> None:
    assume(getattr(a, field) and getattr(b, field))  # what is not known says nothing for or against
    agreeing = msgspec.structs.replace(b, **{field: getattr(a, field)})
    assert bits(a, agreeing) >= bits(a, b) - 1e-9


@given(people, people)
def test_a_birth_date_that_agrees_never_scores_less(a: Person, b: Person) -> None:
    assume(
        len(a.born) == 10 and not a.born.endswith("01-01") and b.born
    )  # two equal estimates say less than two days a digit apart
    whole = msgspec.structs.replace(a, estimated=False)
    agreeing = msgspec.structs.replace(b, born=a.born, estimated=False)
    assert bits(whole, agreeing) >= bits(whole, b) - 1e-9


@given(people, people, st.sampled_from([*FIELDS, "born"]))
def test_what_is_not_known_says_nothing(a: Person, b: Person, field: str) -> None:
    unknown = msgspec.structs.replace(b, **{field: "" if field in ("born", "sex") else ()})
    share = {"names": "name", "phones": "phone", "places": "place", "identifiers": "identifier"}.get(field, field)
    assert share not in {one.field for one in scoring.compare(a, unknown).shares}


@given(people, people, st.integers(1, 10**6), st.integers(1, 10**6))
def test_among_more_people_the_same_likeness_is_less_probable(a: Person, b: Person, few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert scoring.compare(a, b, patients=more).probability <= scoring.compare(a, b, patients=few).probability


def test_a_rare_name_weighs_more_than_a_common_one() -> None:
    common = scoring.compare(Person(("ama",)), Person(("ama",)), frequency=frequency)
    rare = scoring.compare(Person(("zenabu",)), Person(("zenabu",)), frequency=frequency)
    assert rare.bits > common.bits + 3


def test_levels_of_a_name_weigh_by_nearness() -> None:
    told = [
        scoring.compare(Person(("fatoumata",)), Person((other,))).bits
        for other in ("fatoumata", "fatuma", "fatoumati", "ama")
    ]
    assert told[0] > told[1] > told[3]
    assert scoring.alike("fatoumata", "fatuma") == "sound"
    assert scoring.alike("chinedu", "chindeu") == "sound"
    assert scoring.alike("mensah", "mensar") == "near"
    assert scoring.alike("emma", "emmanuel") == "near"
    assert scoring.alike("k", "kwame") == "initial"
    assert scoring.alike("ama", "abu") == "other"


def test_names_agree_in_any_order_and_a_name_left_out_says_nothing() -> None:
    whole = Person(("ama", "serwaa", "mensah"))
    turned, short = Person(("mensah", "ama", "serwaa")), Person(("mensah", "ama"))
    assert bits(whole, turned) == pytest.approx(bits(whole, whole))
    assert {one.how for one in scoring.compare(whole, short).shares} == {"same"}


@pytest.mark.parametrize(
    ("one", "other", "estimated", "level"),
    [
        ("1990-05-04", "1990-05-04", False, "day"),
        ("1990-05-04", "1990-04-05", False, "swapped"),
        ("1990-05-04", "1990-05-14", False, "typed"),
        ("1990-05-04", "1991-05-04", False, "typed"),
        ("1990-05-04", "1990-11-23", False, "year"),
        ("1990-05-04", "1992-11-23", False, "within 2 years"),
        ("1990-05-04", "1950-05-04", False, "other"),
        ("1990-05-04", "1990-01-01", False, "estimated year"),
        ("1990", "1991-03-02", False, "estimated within 1"),
        ("1990-05-04", "1993-05-04", True, "estimated within 3"),
        ("1990", "1997", True, "estimated within 7"),
        ("1990", "2000", True, "estimated other"),
    ],
)
def test_birth_dates_agree_by_levels(one: str, other: str, estimated: bool, level: str) -> None:
    assert born_level(one, other, estimated=estimated) == level == born_level(other, one, estimated=estimated)


def test_levels_are_of_a_whole() -> None:
    """The chances m of all levels of one comparison are one together."""
    whole = [name for name in scoring.BORN if not name.startswith("estimated")]
    estimated = [name for name in scoring.BORN if name.startswith("estimated")]
    for levels in (
        [scoring.BORN[name] for name in whole],
        [scoring.BORN[name] for name in estimated],
        [*scoring.SEX.values()],
        [*scoring.PHONE.values()],
        [*scoring.NAME.values(), scoring.NAME_INITIAL, scoring.NAME_OTHER],
        [*scoring.PLACE.values(), scoring.PLACE_OTHER],
    ):
        assert sum(level.m for level in levels) == pytest.approx(1)


def test_the_same_person_otherwise_written_is_probable_or_certain() -> None:
    again = Person(("mensa", "amma"), "1990-04-05", sex="female", phones=("241234567",), places=("tema",))
    assert scoring.compare(MOTHER, again, frequency=frequency, patients=100_000).grade in ("probable", "certain")


def test_a_twin_and_a_daughter_are_never_certain() -> None:
    twin = msgspec.structs.replace(MOTHER, names=("abena", "mensah"))
    daughter = msgspec.structs.replace(MOTHER, born="2010-05-04")
    assert scoring.compare(MOTHER, twin, frequency=frequency).grade != "certain"
    assert scoring.compare(MOTHER, daughter, frequency=frequency).grade != "certain"


def test_a_namesake_alone_is_told_but_not_probable() -> None:
    namesake = Person(("ama", "mensah"), "1972-11-02", sex="female", phones=("501234567",), places=("koforidua",))
    assert scoring.compare(MOTHER, namesake, frequency=frequency, patients=100_000).grade == "certainly-not"


def test_a_described_patient_is_read_with_whatever_is_odd_left_out() -> None:
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "N'Diaye", "given": ["Aïssatou", 3]}, "odd", {"text": "Awa Ndiaye"}],
        "birthDate": "1990",
        "gender": "unknown",
        "telecom": [{"system": "phone", "value": "+221 77 123 45 67"}, {"system": "email", "value": "1234567890"}],
        "address": [{"city": "Thiès"}, {"district": "Mbour"}],
        "identifier": [{"system": "s", "value": "12-34 5"}, {"value": 7}],
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Sow"}
        ],
        "contact": [{"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"given": ["Coumba"]}}],
    }
    assert person_of(patient) == Person(
        names=("aissatou", "ndiaye", "awa"),
        born="1990",
        estimated=True,
        sex="",
        phones=("771234567",),
        places=("thies", "mbour"),
        mother=("sow", "coumba"),
        identifiers=(("s", "12345"),),
    )


def test_a_birth_date_that_is_marked_as_estimated_is_read_so() -> None:
    mark = {"url": "http://hl7.org.au/fhir/StructureDefinition/date-accuracy-indicator", "valueCoding": {"code": "UUE"}}
    assert person_of({"birthDate": "1990-05-04", "_birthDate": {"extension": [mark]}}).estimated
    assert not person_of({"birthDate": "1990-05-04", "_birthDate": {"extension": [{"url": "urn:x"}]}}).estimated
