"""A visit: why somebody comes, what is measured and found, what is done, how it ends. Measurements alone, without a visit."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from edge_node.forms.answers import Answers
from edge_node.forms.care import notes, saying, vital_signs
from edge_node.forms.context import Context, Sheet, changed, create, decode
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span, when
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, _
from edge_node.store.model import Write

_CLASSES: Final = saying.TERMS + "v3-ActCode"
KINDS: Final = (
    Choice("AMB", N_("At the clinic")),
    Choice("HH", N_("At her or his home")),
    Choice("FLD", N_("Elsewhere outside")),
    Choice("EMER", C_("Emergency")),
)
"""Values are codes of HL7 v3 ActCode, Encounter.class."""
OUTCOMES: Final = (
    Choice("home", N_("Goes home")),
    Choice("stays", C_("Stays here to be watched")),
    Choice("other-hcf", C_("Is referred")),
    Choice("aadvice", C_("Leaves against advice")),
)
"""Values are codes of HL7's discharge-disposition, but `stays`: the visit goes on."""
STAYS, REFERRED = "stays", "other-hcf"


def form(context: Context) -> Form:
    """What is asked at a visit."""
    first = context.today - timedelta(3660)
    return Form(
        title=C_("Visit"),
        sections=(
            Section(
                title=N_("The visit"),
                fields=(
                    Field(name="reason", label=C_("Why does she or he come?"), required=True),
                    Field(
                        name="on",
                        label=N_("Day of the visit"),
                        kind=Kind.DATE,
                        required=True,
                        possible_days=Span(first, context.today),
                        plausible_days=Span(context.today - timedelta(30), context.today),
                    ),
                    Field(name="kind", label=N_("Where?"), kind=Kind.CHOICE, choices=KINDS, required=True),
                ),
            ),
            vital_signs.section(context),
            Section(
                title=C_("Found and done"),
                fields=(
                    Field(name="found", label=C_("What is found"), kind=Kind.LONG, chars_max=notes.CHARS_MAX // 2),
                    Field(
                        name="done",
                        label=C_("What is done and advised"),
                        kind=Kind.LONG,
                        chars_max=notes.CHARS_MAX // 2,
                    ),
                ),
            ),
            Section(title=N_("How it ends"), fields=tuple(_end(context))),
        ),
        checks=(lambda answers: vital_signs.check(answers, context),),
    )


def _end(context: Context) -> Iterable[Field]:
    yield Field(name="outcome", label=N_("And then?"), kind=Kind.CHOICE, choices=OUTCOMES)
    yield Field(
        name="next_on",
        label=N_("Comes again on"),
        kind=Kind.DATE,
        possible_days=Span(context.today + timedelta(1), context.today + timedelta(732)),
        plausible_days=Span(context.today + timedelta(1), context.today + timedelta(190)),
        when=when("outcome", "home", "aadvice"),
    )


def start(context: Context) -> dict[str, str]:
    """Today, at the clinic."""
    return {"on": context.today.isoformat(), "kind": "AMB"}


def write(answers: Answers, context: Context) -> list[Write]:
    """The Encounter, what was measured, a note of what was found and done, the next appointment."""
    at = saying.moment_of(context, answers.date("on"))
    id_ = context.new_id()
    visit = {"encounter": {"reference": f"Encounter/{id_}"}}
    found = [
        create("Encounter", id_, _encounter(answers, context, at)),
        *vital_signs.writes(answers, context, at, visit),
    ]
    text = _note(answers)
    if text:
        found.append(notes.written(context, text, notes.VISIT_NOTE, "", visit))
    again = answers.date("next_on")
    if again is not None:
        found.append(saying.appointment(context, again.first))
    return found


def _encounter(answers: Answers, context: Context, at: str) -> dict[str, Any]:
    outcome = answers.text("outcome")
    stays = outcome == STAYS
    label = next((choice.label.message for choice in OUTCOMES if choice.value == outcome), "")
    left = (
        {"dischargeDisposition": saying.term("discharge-disposition", outcome, label)} if outcome and not stays else {}
    )
    return {
        "status": "in-progress" if stays else "finished",
        "class": {"system": _CLASSES, "code": answers.text("kind")},
        "subject": context.subject,
        "participant": [{"individual": saying.by(context)}],
        "period": {"start": at} if stays else {"start": at, "end": at},
        "reasonCode": [{"text": answers.text("reason")}],
        "hospitalization": left,
    }


def _note(answers: Answers) -> str:
    found, done = answers.text("found"), answers.text("done")
    return "\n\n".join(part for part in (found, done) if part)


def after(writes: list[Write], context: Context) -> str:
    """Who is referred gets a referral at once; all others' visits lead back to the record."""
    hospitalization = decode(writes[0].body or b"{}").get("hospitalization") or {}
    codings = (hospitalization.get("dischargeDisposition") or {}).get("coding") or [{}]
    return f"/patients/{context.she.id}" + ("/referral" if codings[0].get("code") == REFERRED else "")


def news(answers: Answers, context: Context) -> str:
    """What is told once it is saved: of a child, how it grows."""
    return " ".join(filter(None, (_("The visit is saved."), vital_signs.growth_told(answers, context))))


# --- ending one that goes on ------------------------------------------------------------------------------------------


def end_form(context: Context) -> Form:
    """How a visit ends at which somebody stayed."""
    saying.is_about(context, "Encounter")
    ends = tuple(choice for choice in OUTCOMES if choice.value != STAYS)
    return Form(
        title=C_("End the visit"),
        sections=(
            Section(
                title=N_("How it ends"),
                fields=(
                    Field(name="outcome", label=N_("And then?"), kind=Kind.CHOICE, choices=ends, required=True),
                    Field(
                        name="done", label=C_("What was done and advised"), kind=Kind.LONG, chars_max=notes.CHARS_MAX
                    ),
                ),
            ),
        ),
    )


def end(answers: Answers, context: Context) -> list[Write]:
    """The Encounter finished, and a note of what was done."""
    held = saying.is_about(context, "Encounter")
    outcome = answers.text("outcome")
    label = next(choice.label.message for choice in OUTCOMES if choice.value == outcome)
    left = {"dischargeDisposition": saying.term("discharge-disposition", outcome, label)}
    period = {**(held.resource.get("period") or {}), "end": context.moment}
    found = [changed(held, status="finished", period=period, hospitalization=left)]
    if answers.text("done"):
        visit = {"encounter": {"reference": held.reference}}
        found.append(notes.written(context, answers.text("done"), notes.VISIT_NOTE, "", visit))
    return found


# --- measurements alone -----------------------------------------------------------------------------------------------


def measure_form(context: Context) -> Form:
    """Measurements of today."""
    return Form(
        title=C_("Measurements"),
        sections=(vital_signs.section(context),),
        checks=(_something, lambda answers: vital_signs.check(answers, context)),
    )


def _something(answers: Answers) -> Iterable[Problem | Doubt]:
    if not answers.values:
        yield Problem("temperature", N_("Nothing is filled in."))


def measure(answers: Answers, context: Context) -> list[Write]:
    """What was measured, at today's visit where there is one."""
    return list(vital_signs.writes(answers, context, context.moment, saying.visit_of_today(context)))


VISIT: Final = Sheet(
    name="visit",
    path="/patients/{id_}/visits/new",
    form=form,
    start=start,
    write=write,
    news=news,
    after=after,
    types=("Encounter", "Observation", "DocumentReference", "Appointment"),
)
END_VISIT: Final = Sheet(
    name="end-visit",
    path="/patients/{id_}/visits/end",
    form=end_form,
    write=end,
    edits=lambda context: (saying.is_about(context, "Encounter").reference,),
    news=lambda answers, context: _("The visit is ended."),
    after=after,
    types=("Encounter", "DocumentReference"),
)
MEASUREMENTS: Final = Sheet(
    name="measurements",
    path="/patients/{id_}/measurements/new",
    form=measure_form,
    write=measure,
    news=lambda answers, context: " ".join(
        filter(None, (_("The measurements are saved."), vital_signs.growth_told(answers, context)))
    ),
)
