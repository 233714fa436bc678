"""The next appointment: proposed by the plan of contacts, chosen by the midwife, written as an Appointment."""

from datetime import date, timedelta
from typing import Final

from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context
from edge_node.forms.fields import Field, Kind, Section, Span
from edge_node.forms.maternal.case import Case
from edge_node.language import C_, N_
from edge_node.maternal.contacts import plan
from edge_node.store.model import Write

SOONEST: Final = timedelta(days=3)


def section(context: Context) -> Section:
    """When she comes again."""
    return Section(
        title=N_("Next appointment"),
        fields=(
            Field(
                name="next_on",
                label=C_("Next appointment on"),
                kind=Kind.DATE,
                possible_days=Span(context.today + timedelta(1), context.today + timedelta(366)),
                plausible_days=Span(context.today + timedelta(1), context.today + timedelta(70)),
            ),
        ),
    )


def next_antenatal(case: Case) -> date | None:
    """The day of the next contact of the plan that lies ahead, not on the heels of the one being held."""
    if case.used is None:
        return None
    planned = plan(case.pregnancy, case.used, case.programme.contacts)
    return next((each.on for each in planned if not each.held and each.on >= case.today + 2 * SOONEST), None)


def booked(answers: Answers, context: Context) -> list[Write]:
    """The appointment, if a day was given. It does not say what for: a list of appointments lies open on a table."""
    on = answers.date("next_on")
    if on is None:
        return []
    return [saying.appointment(context, on.first, what="Visit")]
