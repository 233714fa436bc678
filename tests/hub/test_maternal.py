"""What the hub makes of statements about pregnancies is what the clinics make of them; its codes are the clinics' codes."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node import concepts as edge_concepts
from edge_node.concepts import codeable, quantity
from edge_node.immunisation.vaccines import _ALL as EDGE_VACCINES
from edge_node.maternal import concepts as edge_said
from edge_node.maternal.due import due
from edge_node.maternal.facts import born_on, is_over
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.maternal.reading import EPISODE_LINK, VOID
from edge_node.maternal.record import read_mother
from edge_node.programme import Programme
from hub import clinical_codes, maternal
from hub.maternal import Course, course, statement

WHO = Programme()
FIRST = date(2026, 1, 1)
TABLES = [
    (clinical_codes.EPISODES, edge_said.EPISODES),
    (clinical_codes.VISITS, edge_said.VISITS),
    (clinical_codes.STATEMENTS, edge_said.STATEMENTS),
    (clinical_codes.COMPONENTS, edge_said.STATEMENTS),
    (clinical_codes.DATING_SOURCES, edge_said.DATING_SOURCES),
    (clinical_codes.CERTAINTIES, edge_said.CERTAINTIES),
    (clinical_codes.OUTCOMES, OUTCOMES),
    (clinical_codes.DANGER_SIGNS["danger-signs"], edge_said.DANGER_SIGNS),
    (clinical_codes.DANGER_SIGNS["postnatal-danger-signs"], edge_said.POSTNATAL_DANGER_SIGNS),
    (clinical_codes.DANGER_SIGNS["newborn-danger-signs"], edge_said.NEWBORN_DANGER_SIGNS),
]


@pytest.mark.parametrize(("ours", "clinics"), TABLES)
def test_codes_and_words_are_those_of_the_clinics(ours: clinical_codes.Table, clinics: edge_concepts.Table) -> None:
    for name, said in ours.by_name.items():
        theirs = clinics[name]
        assert said.codings == {(coding.system, coding.code) for coding in theirs.codings}
        assert said.text == theirs.text
    if clinics is not edge_said.STATEMENTS:
        assert set(ours.by_name) == {one.name for one in clinics}


def test_vaccines_are_those_of_the_clinics() -> None:
    assert dict(clinical_codes.VACCINES) == {one.name: one.concept.text for one in EDGE_VACCINES}
    assert dict(clinical_codes.VACCINE_OF) == {
        coding.code: one.name for one in EDGE_VACCINES for coding in one.concept.codings
    }


def test_the_small_rules_are_the_same() -> None:
    assert maternal.EPISODE_LINK == EPISODE_LINK
    assert maternal.VOID == VOID


def resource(type_: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, "subject": {"reference": "Patient/ama"}, **members}


def said(name: str) -> dict[str, Any]:
    return codeable(edge_said.STATEMENTS[name])


def day(offset: int) -> str:
    return (FIRST + timedelta(offset)).isoformat()


def visit(number: int, offset: int, kind: str) -> dict[str, Any]:
    return resource(
        "Encounter",
        f"v{number}",
        status="finished",
        type=[codeable(edge_said.VISITS[kind])],
        period={"start": day(offset)},
        episodeOfCare=[{"reference": "EpisodeOfCare/e"}],
    )


LINKED = {"extension": [{"url": EPISODE_LINK, "valueReference": {"reference": "EpisodeOfCare/e"}}]}
EVIDENCE = st.one_of(
    st.tuples(st.just("lmp"), st.integers(-100, 0), st.integers(0, 60)),
    st.tuples(st.just("age-by-ultrasound"), st.integers(0, 280), st.integers(0, 60)),
    st.tuples(st.just("gestational-age"), st.integers(0, 280), st.integers(0, 60)),
    st.tuples(st.just("accepted-dating"), st.integers(150, 300), st.integers(0, 60)),
    st.tuples(st.just("expected-birth"), st.integers(150, 300), st.integers(0, 60)),
)


def dating(number: int, evidence: tuple[str, int, int]) -> dict[str, Any]:
    name, value, on = evidence
    concept = edge_said.STATEMENTS[name]
    told = {"valueQuantity": quantity(value, concept)} if concept.unit else {"valueDateTime": day(value)}
    return resource(
        "Observation", f"d{number}", status="final", code=said(name), effectiveDateTime=day(on), **told, **LINKED
    )


def outcome(number: int, kind: str, offset: int) -> dict[str, Any]:
    value = codeable(OUTCOMES[kind])
    return resource(
        "Observation",
        f"o{number}",
        status="final",
        code=said("outcome"),
        valueCodeableConcept=value,
        effectiveDateTime=day(offset),
        **LINKED,
    )


@st.composite
def pregnancies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Resources of one pregnancy that a clinic's forms may have written."""
    status = draw(st.sampled_from(["active", "active", "active", "finished"]))
    found = [
        resource(
            "EpisodeOfCare",
            "e",
            status=status,
            type=[codeable(edge_said.EPISODES["antenatal-care"])],
            period={"start": day(draw(st.integers(0, 60)))},
            patient={"reference": "Patient/ama"},
        )
    ]
    found += [
        dating(number, one)
        for number, one in enumerate(draw(st.lists(EVIDENCE, max_size=3, unique_by=lambda one: one[2])))
    ]
    contacts = draw(st.lists(st.integers(0, 300), max_size=6, unique=True))
    found += [visit(number, offset, "antenatal-contact") for number, offset in enumerate(contacts)]
    if draw(st.booleans()):
        kind = draw(
            st.sampled_from(["live-birth", "stillbirth", "miscarriage", "mother-died", "moved", "lost", "mistake"])
        )
        born = draw(st.integers(120, 290))
        found.append(outcome(0, kind, born))
        after = draw(st.lists(st.integers(0, 90), max_size=4, unique=True))
        found += [visit(100 + number, born + offset, "postnatal-contact") for number, offset in enumerate(after)]
    return found


def as_the_hub(resources: list[dict[str, Any]]) -> Course | None:
    return course([one for each in resources if (one := statement(each)) is not None])


def overdue(found: Course | None, on: date) -> bool:
    if found is None or found.overdue_from is None or found.overdue_until is None:
        return False
    return found.overdue_from <= on < found.overdue_until


@given(resources=pregnancies(), offsets=st.lists(st.integers(60, 400), min_size=1, max_size=12))
def test_a_contact_is_overdue_on_the_days_on_which_it_is_at_the_clinic(
    resources: list[dict[str, Any]], offsets: list[int]
) -> None:
    mother = read_mother("ama", [resource("Patient", "ama"), *resources])
    items = [one for one in due(mother, WHO) if one.kind in {"contact", "next-contact", "postnatal"}]
    found = as_the_hub(resources)
    for on in (FIRST + timedelta(offset) for offset in offsets):
        at_the_clinic = any(one.overdue_from <= on < one.ends for one in items)
        assert overdue(found, on) == at_the_clinic, (on, found, items)


@given(resources=pregnancies())
def test_a_pregnancy_is_expected_born_and_over_as_at_the_clinic(resources: list[dict[str, Any]]) -> None:
    from edge_node.maternal.contacts import antenatal
    from edge_node.maternal.dating import dating as edge_dating

    theirs = [one for one in read_mother("ama", [resource("Patient", "ama"), *resources]).pregnancies if one.id == "e"]
    found = as_the_hub(resources)
    assert (found is None) == (not theirs)
    if found is not None:
        used = edge_dating(theirs[0])
        assert found.expected == (used.expected if used else None)
        assert (found.born, found.over) == (born_on(theirs[0]), is_over(theirs[0]))
        if found.born is None:
            assert found.contacts == len(antenatal(theirs[0]))


@pytest.mark.parametrize("status", sorted(VOID))
def test_what_was_a_mistake_says_nothing(status: str) -> None:
    assert statement({**dating(0, ("lmp", 0, 1)), "status": status}) is None
    assert statement({**visit(0, 1, "antenatal-contact"), "status": status}) is None
    assert statement({**visit(0, 1, "antenatal-contact"), "status": "planned"}) is None


def test_each_danger_sign_is_said_once() -> None:
    signs = [codeable(edge_said.DANGER_SIGNS[name]) for name in ("fever", "bleeding", "fever", "none")]
    body = resource(
        "Observation",
        "x",
        status="final",
        code=said("danger-signs"),
        effectiveDateTime=day(3),
        valueCodeableConcept=signs[0],
        component=[{"valueCodeableConcept": one} for one in signs[1:]],
    )
    found = statement(body)
    assert found is not None
    assert list(maternal.signs(found)) == ["danger-signs/fever", "danger-signs/bleeding"]
    none = {**body, "valueCodeableConcept": signs[3], "component": []}
    assert statement(none) is None


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Observation", "code": 7, "effectiveDateTime": 3},
        {
            "resourceType": "Observation",
            "code": said("lmp"),
            "effectiveDateTime": "2026-01-01",
            "valueDateTime": "2026-02-31",
        },
        {"resourceType": "Observation", "code": said("outcome"), "valueCodeableConcept": {"coding": [7, {"code": []}]}},
        {"resourceType": "Observation", "code": said("danger-signs"), "component": [{"valueCodeableConcept": []}, 4]},
        {"resourceType": "Encounter", "type": "x", "period": [], "episodeOfCare": [{"reference": 4}]},
        {"resourceType": "EpisodeOfCare", "type": {}, "period": 3},
        {"resourceType": 7},
    ],
)
def test_odd_resources_say_nothing_and_break_nothing(body: dict[str, Any]) -> None:
    assert statement(body) is None
