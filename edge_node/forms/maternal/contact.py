"""An antenatal contact, the first and every other: danger signs first, then what matters at this age of the pregnancy.

Source of the questions and their order: WHO ANC 2016, table 3 (2016 WHO ANC model); WHO digital adaptation kit for antenatal care,
business process "ANC contact": quick check, reason for coming, symptoms, examination, tests, treatment and counselling.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet
from edge_node.forms.fields import Field, Form, Kind, Section, Span
from edge_node.forms.maternal import appointments, blood_pressure, examination, given, history
from edge_node.forms.maternal.case import Case, present
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.notes import Notes, time_of
from edge_node.forms.parsing import Doubt, Problem
from edge_node.forms.showing import Standing
from edge_node.language import C_, N_, Text, _
from edge_node.language.days import Day
from edge_node.maternal.concepts import BIRTH_PLACES
from edge_node.store.model import Write

LATE_ENTRY: Final = timedelta(days=300)
"""So far back a contact may be entered from paper."""


def form(context: Context) -> Form:
    """What is asked at a contact on this day of this pregnancy."""
    case = present(context)
    return Form(
        title=C_("Antenatal contact"),
        intro=_how_far(case),
        sections=(
            examination.danger_section(),
            examination.symptoms_section(case),
            blood_pressure.section(),
            examination.measures_section(case),
            examination.tests_section(case),
            given.section(case),
            *_birth_plan(case),
            _news(case),
            appointments.section(context),
            when_section(context),
        ),
        checks=(blood_pressure.check, lambda answers: _checks(answers, case)),
    )


def _how_far(case: Case) -> Text:
    age = case.age
    if case.used is None or age is None:
        return C_("It is not known how many weeks she is pregnant, so everything is asked.")
    text = C_("She is %(weeks)s weeks and %(days)s days pregnant. The baby is expected on %(day)s.")
    return text.of(weeks=age.weeks, days=age.days, day=Day(case.used.expected))


def _birth_plan(case: Case) -> tuple[Section, ...]:
    if not case.reached(26):
        return ()
    place = Field(
        name="birth_place",
        label=C_("Where does she plan to give birth?"),
        kind=Kind.CHOICE,
        choices=choices(BIRTH_PLACES),
    )
    return (Section(title=C_("Plan for the birth"), fields=(place,)),)


def _news(case: Case) -> Section:
    return Section(
        title=C_("New since the last time"),
        folded=True,
        fields=(
            history.illnesses_field(case.mother),
            history.allergies_field(case.mother),
            history.medicines_field(case.mother),
        ),
    )


def when_section(context: Context, since: date | None = None) -> Section:
    """The day of it, for what is entered later from paper. `since`: before that day it cannot have been."""
    return Section(
        title=N_("Entered later from paper?"),
        folded=True,
        fields=(
            Field(
                name="on",
                label=N_("Day of the visit, if it was not today"),
                kind=Kind.DATE,
                possible_days=Span(since or context.today - LATE_ENTRY, context.today),
            ),
        ),
    )


def day_of(answers: Answers, context: Context) -> date:
    """The day of the visit."""
    on = answers.date("on")
    return on.first if on is not None else context.today


def start(context: Context) -> Standing:
    """The next appointment as the plan has it."""
    on = appointments.next_antenatal(present(context))
    return {"next_on": on.isoformat()} if on is not None else {}


def _checks(answers: Answers, case: Case) -> Iterator[Problem | Doubt]:
    yield from given.check(answers, case)
    if answers.yes("heartbeat") is False and case.age_days is not None and case.age_days < 7 * 20:
        text = C_("Before 20 weeks the heartbeat is often not heard yet. Write that it was not heard?")
        yield Doubt("heartbeat", text, answers.text("heartbeat"))


def write(answers: Answers, context: Context) -> list[Write]:
    """The contact with all that was found, given and planned."""
    case = present(context)
    notes = Notes(context, context.she.reference, time_of(context, day_of(answers, context)), episode=case.link)
    notes.begin("antenatal-contact")
    examination.note(notes, answers)
    blood_pressure.note(notes, answers)
    ended = given.note(notes, answers, case, context)
    notes.sign("planned-birth-place", BIRTH_PLACES, answers.text("birth_place"))
    history.note(notes, answers)
    return [*notes.writes, *ended, *appointments.booked(answers, context)]


def edits(context: Context) -> Iterator[str]:
    """Prescriptions that a new supply ends."""
    case = present(context)
    for each in case.mother.medicines:
        if each.kind in given.SUPPLIES and each.prescribed and each.active:
            yield each.ref


def to_pregnancy(writes: list[Write], context: Context) -> str:
    """Where what was found is told first."""
    return f"/patients/{context.she.id}/pregnancy"


CONTACT: Final = Sheet(
    name="antenatal-contact",
    path="/patients/{id_}/pregnancy/contact",
    form=form,
    start=start,
    write=write,
    edits=edits,
    after=to_pregnancy,
    news=lambda answers, context: _("The contact is saved."),
)
