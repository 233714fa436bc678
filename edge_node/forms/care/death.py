"""That somebody died, and that it was a mistake. What is due ends with it, in the same transaction (`edge_node/endings.py`)."""

from collections.abc import Iterator
from typing import Final

from edge_node.concepts import LOINC
from edge_node.forms.answers import Answers
from edge_node.forms.care import notes, saying
from edge_node.forms.context import Context, Sheet, changed
from edge_node.forms.fields import Field, Form, Kind, Section, Span
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, _
from edge_node.store.model import Write

_KIND: Final = {"coding": [{"system": LOINC, "code": "34109-9"}], "text": "Note on a death"}


def form(context: Context) -> Form:
    """When, and how."""
    fields = (
        Field(
            name="on",
            label=C_("Day of death"),
            hint=N_("The month or the year alone, where no more is known."),
            kind=Kind.DATE,
            partial=True,
            required=True,
            possible_days=Span(saying.born_from(context), context.today),
        ),
        Field(name="how", label=C_("Cause and circumstances, as far as known"), kind=Kind.LONG, chars_max=2000),
    )
    return Form(
        title=C_("Record a death"),
        sections=(Section(title=C_("Death"), fields=fields),),
        checks=(lambda answers: _sure(answers, context),),
    )


def _sure(answers: Answers, context: Context) -> Iterator[Problem | Doubt]:
    dated = answers.date("on")
    if saying.is_dead(context):
        yield Problem("on", C_("That she or he died is on record already."))
    elif dated is not None:
        text = C_("This ends all reminders and appointments on work lists. Is it the right person?")
        yield Doubt("on", text, dated.text)


def write(answers: Answers, context: Context) -> list[Write]:
    """The Patient with the day, and a note."""
    dated = answers.date("on")
    members = {
        "deceasedBoolean": None,
        "deceasedDateTime": dated.text if dated is not None else context.today.isoformat(),
    }
    found = [changed(context.she, **members)]
    if answers.text("how"):
        found.append(notes.written(context, answers.text("how"), _KIND, "", saying.visit_of_today(context)))
    return found


def undo_form(context: Context) -> Form:
    """Why it was a mistake."""
    reason = Field(
        name="reason", label=C_("How did the mistake come about?"), kind=Kind.LONG, required=True, chars_max=1000
    )
    return Form(title=C_("Take back a death"), sections=(Section(title=C_("She or he lives"), fields=(reason,)),))


def undo(answers: Answers, context: Context) -> list[Write]:
    """The Patient without a death, and a note why."""
    text = notes.written(context, answers.text("reason"), _KIND, "", {})
    return [changed(context.she, deceasedBoolean=None, deceasedDateTime=None), text]


DEATH: Final = Sheet(
    name="death",
    path="/patients/{id_}/death",
    form=form,
    write=write,
    edits=lambda context: (context.she.reference,),
    news=lambda answers, context: _("The death is recorded."),
    types=("Patient", "DocumentReference"),
)
UNDO_DEATH: Final = Sheet(
    name="undo-death",
    path="/patients/{id_}/death/undo",
    form=undo_form,
    write=undo,
    edits=lambda context: (context.she.reference,),
    news=lambda answers, context: _("The death is taken back."),
    types=("Patient", "DocumentReference"),
)
