"""What is to come: appointments, and reminders for the clinic (Task). FHIR R4 Appointment, Task."""

from datetime import timedelta
from typing import Any, Final

from edge_node.concepts import LOCAL
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span, when
from edge_node.language import N_, _
from edge_node.store.model import Write

AHEAD: Final = timedelta(days=732)
SOON: Final = timedelta(days=190)
ENDS: Final = (
    Choice("booked", N_("On another day")),
    Choice("fulfilled", N_("She or he came")),
    Choice("noshow", N_("She or he did not come")),
    Choice("cancelled", N_("Cancelled")),
)
"""Values are codes of FHIR's appointmentstatus."""
_REMINDER: Final = {"coding": [{"system": LOCAL, "code": "reminder"}], "text": "Reminder"}


def _day(context: Context, name: str = "on", **more: Any) -> Field:
    return Field(
        name=name,
        label=N_("Day"),
        kind=Kind.DATE,
        required=True,
        possible_days=Span(context.today, context.today + AHEAD),
        plausible_days=Span(context.today, context.today + SOON),
        **more,
    )


def _hour(**more: Any) -> Field:
    return Field(name="at", label=N_("Time"), hint=N_("Leave it empty for the morning."), kind=Kind.TIME, **more)


# --- appointments -----------------------------------------------------------------------------------------------------


def form(context: Context) -> Form:
    """Day, time, and what for."""
    what = Field(
        name="what", label=N_("What for?"), hint=N_("Whoever looks at the list of the day reads it."), chars_max=120
    )
    return Form(
        title=N_("Give an appointment"),
        sections=(Section(title=N_("Appointment"), fields=(_day(context), _hour(), what)),),
    )


def write(answers: Answers, context: Context) -> list[Write]:
    """The Appointment."""
    on = saying.day_of(answers, "on", context)
    return [saying.appointment(context, on, answers.text("at"), answers.text("what"))]


def _appointment(context: Context) -> Held:
    return saying.is_about(context, "Appointment")


def change_form(context: Context) -> Form:
    """What became of an appointment, or another day."""
    _appointment(context)
    later = when("state", "booked")
    fields = (
        Field(name="state", label=N_("What about it?"), kind=Kind.CHOICE, choices=ENDS, required=True),
        _day(context, when=later),
        _hour(when=later),
        Field(name="why", label=N_("Why?"), when=when("state", "cancelled"), chars_max=200),
    )
    return Form(title=N_("Change an appointment"), sections=(Section(title=N_("Appointment"), fields=fields),))


def change(answers: Answers, context: Context) -> list[Write]:
    """The Appointment on its new day, or over."""
    held, state = _appointment(context), answers.text("state")
    members: dict[str, Any] = {"status": state}
    if state == "booked":
        new = saying.times(context, saying.day_of(answers, "on", context), answers.text("at"))
        members |= {**new, "requestedPeriod": None}
    if answers.text("why"):
        members["cancelationReason"] = {"text": answers.text("why")}
    return [changed(held, **members)]


# --- reminders --------------------------------------------------------------------------------------------------------


def reminder_form(context: Context) -> Form:
    """What somebody of the clinic has to do, and when."""
    what = Field(name="what", label=N_("What is to be done?"), kind=Kind.LONG, required=True, chars_max=1000)
    return Form(
        title=N_("Set a reminder"),
        sections=(Section(title=N_("Reminder for the clinic"), fields=(what, _day(context))),),
    )


def remind(answers: Answers, context: Context) -> list[Write]:
    """The Task."""
    body = {
        "status": "requested",
        "intent": "order",
        "code": _REMINDER,
        "description": answers.text("what"),
        "for": context.subject,
        **saying.visit_of_today(context),
        "executionPeriod": {"start": saying.day_of(answers, "on", context).isoformat()},
        "authoredOn": context.moment,
        "requester": saying.by(context),
    }
    return [create("Task", context.new_id(), body)]


def _task(context: Context) -> Held:
    return saying.is_about(context, "Task")


def done_form(context: Context) -> Form:
    """Whether it was done."""
    _task(context)
    ends = (Choice("completed", N_("It is done")), Choice("cancelled", N_("Not needed any more")))
    fields = (
        Field(name="end", label=N_("What happened?"), kind=Kind.CHOICE, choices=ends, required=True),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=1000),
    )
    return Form(title=N_("End a reminder"), sections=(Section(title=N_("Reminder"), fields=fields),))


def done(answers: Answers, context: Context) -> list[Write]:
    """The Task, over."""
    held = _task(context)
    notes = [*(held.resource.get("note") or []), *saying.note(context, answers.text("note"))]
    return [changed(held, status=answers.text("end"), note=notes)]


APPOINTMENT: Final = Sheet(
    name="appointment",
    path="/patients/{id_}/appointments/new",
    form=form,
    write=write,
    news=lambda answers, context: _("The appointment is saved."),
    types=("Appointment",),
)
CHANGE_APPOINTMENT: Final = Sheet(
    name="change-appointment",
    path="/patients/{id_}/appointments/change",
    form=change_form,
    write=change,
    edits=lambda context: (_appointment(context).reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=("Appointment",),
)
REMINDER: Final = Sheet(
    name="reminder",
    path="/patients/{id_}/reminders/new",
    form=reminder_form,
    write=remind,
    news=lambda answers, context: _("The reminder is saved."),
    types=("Task",),
)
END_REMINDER: Final = Sheet(
    name="end-reminder",
    path="/patients/{id_}/reminders/end",
    form=done_form,
    write=done,
    edits=lambda context: (_task(context).reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=("Task",),
)
