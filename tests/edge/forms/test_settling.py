"""What cannot all be true is settled by writing what is right to all that say another; after it, it is no contradiction any more."""

from datetime import date, timedelta
from typing import Any

import pytest

from edge_node.concepts import codeable
from edge_node.forms.consents import agrees
from edge_node.forms.context import create
from edge_node.forms.maternal import settling
from edge_node.forms.maternal.case import mother_of
from edge_node.forms.maternal.enrolment import ENROL
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.maternal.reminding import day_of, is_reminded, remind
from edge_node.maternal import concepts as said
from edge_node.maternal.contradictions import Contradiction, contradictions
from edge_node.maternal.due import due
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.programme import Programme
from edge_node.roles import REMINDER_CONSENT
from tests.edge.forms.filling import TODAY, Clinic
from tests.edge.forms.test_maternal import AMINA

LMP = TODAY - timedelta(days=140)


def pregnant(**more: Any) -> Clinic:
    clinic = Clinic({**AMINA, **more})
    clinic.fill(ENROL, {"lmp": LMP.isoformat(), "lmp_sure": "certain", "accept": "no"})
    return clinic


def notes(clinic: Clinic, on: date = TODAY) -> Notes:
    context = clinic.context()
    (episode,) = context.of_type("EpisodeOfCare")
    return Notes(context, context.she.reference, on.isoformat(), episode=episode.reference)


def two_periods() -> Clinic:
    clinic = pregnant()
    more = notes(clinic)
    more.observe("lmp", valueDateTime=(LMP - timedelta(days=20)).isoformat())
    clinic.keep(more.writes)
    return clinic


def two_groups() -> Clinic:
    clinic = pregnant()
    more = notes(clinic)
    for group in ("A", "B+"):
        more.sign("blood-group", said.BLOOD_GROUPS, group)
    clinic.keep(more.writes)
    return clinic


def two_factors() -> Clinic:
    clinic = pregnant()
    more = notes(clinic)
    more.sign("blood-group", said.BLOOD_GROUPS, "A+")
    more.sign("rhesus", said.RHESUS, "-")
    clinic.keep(more.writes)
    return clinic


def hiv_twice() -> Clinic:
    clinic = pregnant()
    more = notes(clinic)
    more.test("hiv-test", "positive")
    more.test("hiv-test", "negative")
    more.illness("hiv")
    clinic.keep(more.writes)
    return clinic


def two_pregnancies() -> Clinic:
    clinic = pregnant()
    clinic.fill(ENROL, {"fetuses": "1"})
    return clinic


def one_medicine_twice() -> Clinic:
    clinic = pregnant()
    more = notes(clinic)
    more.hand_out("calcium", 30, "1.5 g a day")
    more.hand_out("calcium", 60, "1.5 g a day")
    clinic.keep(more.writes)
    return clinic


def seen_after_death() -> Clinic:
    clinic = pregnant(deceasedDateTime=(TODAY - timedelta(days=3)).isoformat())
    more = notes(clinic)
    more.begin("antenatal-contact")
    before = notes(clinic, TODAY - timedelta(days=3))
    before.observe("outcome", valueCodeableConcept=codeable(OUTCOMES["mother-died"]))
    clinic.keep([*more.writes, *before.writes])
    return clinic


STORIES = {
    "last-periods": two_periods,
    "blood-groups": two_groups,
    "rhesus": two_factors,
    "hiv": hiv_twice,
    "active-pregnancies": two_pregnancies,
    "same-medicine": one_medicine_twice,
    "seen-after-death": seen_after_death,
}


def found(clinic: Clinic, code: str) -> list[Contradiction]:
    return [one for one in contradictions(mother_of(clinic.context())) if one.code == code]


@pytest.mark.parametrize("code", STORIES)
def test_whichever_is_chosen_the_contradiction_is_gone(code: str) -> None:
    (one,) = found(STORIES[code](), code)
    count = len(settling.offers(one))
    assert count >= 2
    for number in range(count):
        clinic = STORIES[code]()
        (one,) = found(clinic, code)
        clinic.keep(settling.settle(one, settling.offers(one)[number], clinic.context()))
        assert found(clinic, code) == []


def test_every_contradiction_says_what_to_do_before_choosing() -> None:
    assert set(settling.ASKED) == {*STORIES, *settling.BY_DATING}


def test_the_chosen_last_period_stands_in_all_of_them() -> None:
    clinic = two_periods()
    (one,) = found(clinic, "last-periods")
    right = next(offer for offer in settling.offers(one) if offer.value == LMP)
    clinic.keep(settling.settle(one, right, clinic.context()))
    (pregnancy,) = mother_of(clinic.context()).pregnancies
    assert [each.lmp for each in pregnancy.evidence] == [LMP, LMP]


def test_of_two_pregnancies_what_was_found_in_the_wrong_one_stays_hers() -> None:
    clinic = two_pregnancies()
    (one,) = found(clinic, "active-pregnancies")
    right = settling.offers(one)[0]
    clinic.keep(settling.settle(one, right, clinic.context()))
    (pregnancy,) = mother_of(clinic.context()).pregnancies
    assert [each.value for each in pregnancy.measures if each.kind == "fetuses"] == [1]
    assert len(pregnancy.evidence) == 1


# --- reminders --------------------------------------------------------------------------------------------------------

PHONE = [{"system": "phone", "value": "+234 803 777 1234"}]


def consent(clinic: Clinic, kind: str, day: str) -> None:
    body = {
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": REMINDER_CONSENT[0], "code": REMINDER_CONSENT[1]}]}],
        "patient": {"reference": "Patient/mother"},
        "dateTime": day,
        "policyRule": {"text": "reminders"},
        "provision": {"type": kind},
    }
    clinic.keep([create("Consent", f"c{day}", body)])


def types_of_reminder(clinic: Clinic) -> list[str]:
    context = clinic.context()
    item = next(each for each in due(mother_of(context), Programme()) if each.kind == "contact")
    return [write.type for write in remind(context, item, "mother")]


@pytest.mark.parametrize(
    ("consents", "phone", "made"),
    [
        ([("permit", "2026-01-01")], PHONE, ["Task", "CommunicationRequest"]),
        ([("permit", "2026-01-01")], [], ["Task"]),
        ([("deny", "2026-01-01")], PHONE, ["Task"]),
        ([], PHONE, ["Task"]),
        ([("permit", "2026-01-01"), ("deny", "2026-02-01")], PHONE, ["Task"]),
        ([("deny", "2026-01-01"), ("permit", "2026-02-01")], PHONE, ["Task", "CommunicationRequest"]),
    ],
)
def test_a_message_is_made_only_with_her_latest_consent_and_a_telephone(
    consents: list[tuple[str, str]], phone: list[dict[str, str]], made: list[str]
) -> None:
    clinic = pregnant(telecom=phone)
    for kind, day in consents:
        consent(clinic, kind, day)
    assert types_of_reminder(clinic) == made
    assert agrees(clinic.of_type("Consent")) is (bool(consents) and consents[-1][0] == "permit")


@pytest.mark.parametrize(
    ("permitted", "denied", "agreed"),
    [
        ("2026-01-01T10:00:00+01:00", "2026-01-01T09:30:00Z", False),
        ("2026-01-01T09:30:00Z", "2026-01-01T10:00:00+01:00", True),
        ("2026-01-01T10:00:00+01:00", "2026-01-01T09:00:00Z", False),
        ("2026-01-01T10:00:00Z", "2026-01-01", True),
        ("2026-01", None, True),
    ],
)
def test_the_last_word_is_the_last_in_time_whatever_its_zone(permitted: str, denied: str | None, agreed: bool) -> None:
    clinic = pregnant(telecom=PHONE)
    said = {"permit": permitted, "deny": denied}
    bodies = [{"dateTime": at, "provision": {"type": kind}} for kind, at in said.items() if at is not None]
    consent(clinic, "permit", "2026-01-01")
    (one,) = clinic.of_type("Consent")
    assert agrees([{**one, **body} for body in bodies]) is agreed


def test_a_reminder_names_a_day_to_come_and_no_reason_and_is_known_again() -> None:
    clinic = pregnant(telecom=PHONE)
    consent(clinic, "permit", "2026-01-01")
    context = clinic.context()
    for item in due(mother_of(context), Programme()):
        writes = remind(context, item, "mother")
        text = str(writes[1].body).lower()
        assert not any(word in text for word in ("pregnan", "antenatal", "birth", "hiv", "baby", "test", "dose"))
        assert day_of(item, TODAY) > TODAY
    item = next(each for each in due(mother_of(context), Programme()) if each.kind == "contact")
    assert not is_reminded(clinic.of_type("Task"), item)
    clinic.keep(remind(context, item, "mother"))
    assert is_reminded(clinic.of_type("Task"), item)
