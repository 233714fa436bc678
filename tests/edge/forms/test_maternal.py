"""What a maternal form wrote is read back by `edge_node.maternal.record` as exactly the facts that were typed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from edge_node.forms.answers import Answers
from edge_node.forms.context import Sheet
from edge_node.forms.maternal.birth import BIRTH
from edge_node.forms.maternal.case import mother_of
from edge_node.forms.maternal.closing import CLOSE
from edge_node.forms.maternal.contact import CONTACT
from edge_node.forms.maternal.enrolment import ENROL
from edge_node.forms.maternal.loss import LOSS
from edge_node.forms.maternal.postnatal import POSTNATAL
from edge_node.forms.maternal.redating import REDATE
from edge_node.maternal.dating import dating
from edge_node.maternal.facts import Newborn, Pregnancy, is_over
from edge_node.maternal.record import read_newborn
from tests.edge.forms.filling import TODAY, Clinic, confirmed, filled

AMINA = {
    "resourceType": "Patient",
    "id": "mother",
    "name": [{"family": "Bello", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1998-03-02",
}
LMP = TODAY - timedelta(days=7 * 22)
Typed = str | tuple[str, ...]
LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def enrolled(lmp: date = LMP, **more: Typed) -> Clinic:
    """Amina with a pregnancy that is dated by her last period."""
    clinic = Clinic(AMINA)
    clinic.fill(ENROL, {"lmp": lmp.isoformat(), "lmp_sure": "certain", "accept": "yes", **more})
    return clinic


def delivered(**more: Typed) -> Clinic:
    """The same after the birth of a girl at the clinic, two days ago."""
    clinic = enrolled(TODAY - timedelta(days=280))
    on = (TODAY - timedelta(days=2)).isoformat()
    sent = {"on": on, "place": "facility", "babies": "1", "baby1_outcome": "live-birth", "baby1_sex": "female"}
    clinic.fill(BIRTH, {**sent, **more})
    return clinic


def pregnancy(clinic: Clinic) -> Pregnancy:
    (one,) = mother_of(clinic.context()).pregnancies
    return one


def answered(clinic: Clinic, sheet: Sheet, data: st.DataObject) -> Answers:
    """Random answers of a form as it stands; what it holds impossible is not tried."""
    context = clinic.context()
    form = sheet.form(context)
    read = confirmed(form, data.draw(filled(form)), TODAY)
    assume(isinstance(read, Answers))
    assert isinstance(read, Answers)
    clinic.keep(sheet.write(read, context))
    return read


Said = Counter[tuple[str, object]]


def said(pairs: Iterable[tuple[str, object]]) -> Said:
    return Counter(pairs)


def typed(answers: Answers, kinds: Mapping[str, str]) -> Said:
    """What was answered, by the kind of fact that each field means: one for each tick, numbers as numbers."""
    found = []
    for field, kind in kinds.items():
        value = answers.values.get(field)
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            if one not in ("unknown", "no") or kind in ("presentation", "fetal-heartbeat", "oedema", "tobacco"):
                found.append((kind, one))
    return said(found)


def signs_and_measures(one: Pregnancy | Newborn) -> Said:
    return said([*((sign.kind, sign.value) for sign in one.signs), *((each.kind, each.value) for each in one.measures)])


def without_unknown(found: Said) -> Said:
    return Counter(
        {(kind, value): n for (kind, value), n in found.items() if value != "unknown" or kind == "presentation"}
    )


# --- laws: one for each form ------------------------------------------------------------------------------------------


@LAWS
@given(st.data())
def test_a_registered_pregnancy_says_what_was_typed(data: st.DataObject) -> None:
    clinic = Clinic(AMINA)
    answers = answered(clinic, ENROL, data)
    mother = mother_of(clinic.context())
    one = pregnancy(clinic)
    assert (one.status, one.start, mother.ambiguous, mother.unread) == ("active", TODAY, (), ())
    kinds = {each.kind for each in one.evidence}
    asked = {"lmp": "lmp", "scan_on": "ultrasound", "fundal_weeks": "fundal-height"}
    assert kinds == {kind for field, kind in asked.items() if field in answers}
    lmp = answers.date("lmp")
    for each in one.evidence:
        if each.kind == "lmp" and lmp is not None:
            assert each.lmp == (lmp.first if lmp.exact else lmp.first.replace(day=15))
            assert each.certain is (lmp.exact and answers.text("lmp_sure") == "certain")
        if each.kind == "ultrasound":
            assert each.age_days == 7 * (answers.whole("scan_weeks") or 0) + (answers.whole("scan_days") or 0)
        if each.kind == "fundal-height":
            assert each.age_days == 7 * (answers.whole("fundal_weeks") or 0)
    assert len(one.accepted) == (answers.yes("accept") is True and bool(one.evidence))
    counts = ("gravida", "parity", "stillbirths", "caesareans")
    told = {each.kind: each.value for each in mother.counts}
    assert told == {name: answers.number(name) for name in counts if name in answers}
    problems = said((("past" if each.past else "now"), each.kind) for each in mother.problems)
    assert problems == typed(answers, {"complications": "past", "illnesses": "now"})
    assert {each.kind for each in mother.allergies} == set(answers.chosen("allergies"))
    assert {each.kind for each in mother.medicines} == set(answers.chosen("medicines"))
    assert [test.result for test in mother.tests] == (["positive"] if answers.text("hiv") == "positive" else [])
    groups = said((sign.kind, sign.value) for sign in mother.groups)
    assert groups == typed(answers, {"blood_group": "blood-group", "rhesus": "rhesus"})
    doses = [answers.date(f"tetanus_{number}") for number in range(1, 6)]
    assert len(mother.tetanus) == len([dose for dose in doses if dose is not None])
    life = said((sign.kind, sign.value) for sign in mother.signs if sign.value != "unknown")
    habit = {"tobacco": "tobacco"} if answers.yes("tobacco") is not None else {}
    assert life == typed(answers, {"tetanus_history": "tetanus-history", **habit}) - Counter(
        {("tetanus-history", "unknown"): 1}
    )


CONTACT_KINDS = {
    "danger_signs": "danger-signs",
    "symptoms": "pre-eclampsia-symptoms",
    "movement": "fetal-movement",
    "oedema": "oedema",
    "weight": "weight",
    "height": "height",
    "temperature": "temperature",
    "fundal_height": "fundal-height",
    "heartbeat": "fetal-heartbeat",
    "heart_rate": "fetal-heart-rate",
    "presentation": "presentation",
    "protein": "urine-protein",
    "haemoglobin": "haemoglobin",
    "birth_place": "planned-birth-place",
}


@LAWS
@given(st.data(), st.integers(5, 41))
def test_a_contact_says_what_was_typed(data: st.DataObject, weeks: int) -> None:
    clinic = enrolled(TODAY - timedelta(days=7 * weeks))
    answers = answered(clinic, CONTACT, data)
    on = answers.date("on")
    mother, one = mother_of(clinic.context()), pregnancy(clinic)
    assert (mother.ambiguous, mother.unread) == ((), ())
    assert [(each.kind, each.on) for each in one.contacts] == [("antenatal-contact", on.first if on else TODAY)]
    assert {each.on for each in (*one.signs, *one.measures)} <= {on.first if on else TODAY}
    talks = said((talk, "done") for talk in answers.chosen("talks"))
    assert signs_and_measures(one) == without_unknown(typed(answers, CONTACT_KINDS)) + talks
    read = [(each.systolic, each.diastolic, each.repeat) for each in one.pressures]
    pairs = [("systolic", "diastolic", False), ("systolic_again", "diastolic_again", True)]
    wanted = [(answers.number(up), answers.number(low), rest) for up, low, rest in pairs]
    assert sorted(read, key=repr) == sorted([each for each in wanted if each[:2] != (None, None)], key=repr)
    tests = said((test.kind, test.result) for test in one.tests)
    assert tests == typed(answers, {"hiv": "hiv", "syphilis": "syphilis", "hepatitis_b": "hepatitis-b"})
    supplies = {"iron_folate": "iron-folate", "calcium": "calcium", "aspirin": "aspirin"}
    handed = {dose.kind: dose.days for dose in one.doses if dose.days is not None}
    assert handed == {kind: answers.whole(field) for field, kind in supplies.items() if field in answers}
    swallowed = [answers.text("worms")] if answers.text("worms") not in ("", "no") else []
    swallowed += ["sulfadoxine-pyrimethamine"] if answers.yes("sp") else []
    swallowed += ["tetanus"] if answers.yes("tetanus") else []
    assert sorted(dose.kind for dose in one.doses if dose.days is None) == sorted(swallowed)


@LAWS
@given(st.data())
def test_a_redating_is_what_was_chosen_and_the_last_one_counts(data: st.DataObject) -> None:
    clinic = enrolled()
    clinic.now += timedelta(minutes=5)
    before = pregnancy(clinic)
    answers = answered(clinic, REDATE, data)
    after = pregnancy(clinic)
    used = dating(after)
    assert used is not None
    assert used.accepted
    assert used.on == TODAY
    assert len(after.accepted) == 2
    new = [each for each in after.evidence if each not in before.evidence]
    if answers.text("which") == "new":
        assert used.expected in {each.expected for each in new}
    else:
        assert new == []
        assert used.expected == next(each.expected for each in before.evidence if each.ref == answers.text("which"))


@LAWS
@given(st.data())
def test_a_birth_says_what_was_typed_of_mother_and_babies(data: st.DataObject) -> None:
    clinic = enrolled(TODAY - timedelta(days=278))
    answers = answered(clinic, BIRTH, data)
    mother, one = mother_of(clinic.context()), pregnancy(clinic)
    on = answers.date("on")
    assert on is not None
    assert mother.ambiguous == ()
    count = answers.whole("babies") or 0
    born = [each for each in one.outcomes if each.kind != "mother-died"]
    outcomes = said((each.kind, each.weight_g) for each in born)
    assert outcomes == said(
        (answers.text(f"baby{n}_outcome"), answers.number(f"baby{n}_weight")) for n in range(1, count + 1)
    )
    assert {each.on for each in born} == {on.first}
    assert {each.mode for each in born} == {answers.text("mode")}
    assert [each.kind for each in one.contacts] == (["birth"] if answers.text("place") == "facility" else [])
    assert typed(answers, {"complications": "now"}) == said(("now", each.kind) for each in mother.problems)
    alive = [n for n in range(1, count + 1) if answers.text(f"baby{n}_outcome") == "live-birth"]
    babies = [each.baby for each in born if each.baby]
    assert len(babies) == len(alive) == len(clinic.of_type("RelatedPerson"))
    for number, reference in zip(alive, sorted(babies), strict=True):
        baby = read_newborn(reference.partition("/")[2], clinic.compartment(reference))
        assert baby.born == on.first
        assert len(baby.mothers) == 1
        assert {"other": {"reference": baby.mothers[0]}, "type": "seealso"} in clinic.resource("Patient/mother")["link"]
        told = {"weight": "birth-weight", "apgar1": "apgar-1", "apgar5": "apgar-5"}
        kinds = {f"baby{number}_{field}": kind for field, kind in told.items()}
        assert signs_and_measures(baby) == typed(answers, kinds)
    assert mother.dead is (answers.yes("mother_died") is True)
    assert is_over(one)


@LAWS
@given(st.data())
def test_a_loss_ends_the_pregnancy_on_its_day(data: st.DataObject) -> None:
    clinic = enrolled(TODAY - timedelta(days=90))
    answers = answered(clinic, LOSS, data)
    one, on = pregnancy(clinic), answers.date("on")
    assert on is not None
    assert [(each.kind, each.on) for each in one.outcomes] == [(answers.text("kind"), on.first)]
    assert (one.status, one.end) == ("finished", on.first)
    assert signs_and_measures(one) == typed(answers, {"danger_signs": "danger-signs"})


@LAWS
@given(st.data())
def test_a_contact_after_birth_says_what_was_typed_of_mother_and_baby(data: st.DataObject) -> None:
    clinic = delivered()
    (reference,) = {each.baby for each in pregnancy(clinic).outcomes}
    before = signs_and_measures(pregnancy(clinic))
    answers = answered(clinic, POSTNATAL, data)
    kinds = {"danger_signs": "postnatal-danger-signs", "temperature": "temperature", "pulse": "pulse"}
    talks = said((talk, "done") for talk in answers.chosen("talks"))
    assert signs_and_measures(pregnancy(clinic)) - before == typed(answers, kinds) + talks
    baby = read_newborn(reference.partition("/")[2], clinic.compartment(reference))
    of_baby = {"danger_signs": "newborn-danger-signs", "weight": "weight", "temperature": "temperature"}
    told = typed(answers, {f"baby1_{field}": kind for field, kind in of_baby.items()})
    assert signs_and_measures(baby) == told
    assert [each.kind for each in baby.contacts] == (["postnatal-contact"] if told else [])


@LAWS
@given(st.data())
def test_care_that_ends_is_over_for_its_reason(data: st.DataObject) -> None:
    clinic = enrolled()
    answers = answered(clinic, CLOSE, data)
    mother = mother_of(clinic.context())
    status = {each["status"] for each in clinic.of_type("EpisodeOfCare")}
    why = answers.text("why")
    wanted = {"lost": "active", "mistake": "entered-in-error"}.get(why, "finished")
    assert status == {wanted}
    assert mother.dead is (why == "mother-died")
    if why not in ("mistake",):
        (one,) = mother.pregnancies
        assert [each.kind for each in one.outcomes] == [why]
        assert is_over(one) is (why != "lost")
