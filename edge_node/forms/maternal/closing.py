"""The end of the care of a pregnancy for another reason than a birth or a loss: complete, moved away, lost from sight, a mistake,
her death."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from edge_node.concepts import codeable
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span
from edge_node.forms.maternal.birth import closed, death
from edge_node.forms.maternal.case import Case, latest
from edge_node.forms.maternal.choices import words
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.parsing import Doubt, Problem
from edge_node.forms.showing import Standing
from edge_node.language import C_, _
from edge_node.maternal.facts import is_over
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.store.model import Write

COMPLETE, DIED, LOST, MISTAKE = "complete", "mother-died", "lost", "mistake"
_PASSING: Final = frozenset({"heavy-bleeding", "deep-tear", "pre-eclampsia", "eclampsia"})
"""Problems of a birth that are past when the care after it is complete."""


def form(context: Context) -> Form:
    """Why the care ends."""
    case = latest(context)
    return Form(
        title=C_("End the care of this pregnancy"),
        intro=C_("For a birth or a loss use their own forms."),
        sections=(_why(context, case),),
        checks=(_checks,),
    )


def _why(context: Context, case: Case) -> Section:
    # Without an episode there is nothing that could be marked as over or as a mistake.
    over = is_over(case.pregnancy) and case.link
    complete = (Choice(COMPLETE, C_("The care after the birth is complete")),) if over else ()
    others = ("moved", LOST, "not-pregnant", *((MISTAKE,) if case.link else ()), DIED)
    return Section(
        title=C_("Why does it end?"),
        fields=(
            Field(
                name="why",
                label=C_("Reason"),
                kind=Kind.CHOICE,
                choices=(*complete, *(Choice(each, words(OUTCOMES[each])) for each in others)),
                required=True,
            ),
            Field(
                name="on",
                label=C_("On which day?"),
                kind=Kind.DATE,
                required=True,
                possible_days=Span(context.today - timedelta(365), context.today),
            ),
        ),
    )


def start(context: Context) -> Standing:
    """Today."""
    return {"on": context.today.isoformat()}


def _checks(answers: Answers) -> Iterator[Problem | Doubt]:
    asked = {
        DIED: C_("Is it right that she died? All her appointments and reminders end with this."),
        MISTAKE: C_("Is it right that this pregnancy was entered by mistake? It will not be shown any more."),
    }.get(answers.text("why"))
    if asked is not None:
        yield Doubt("why", asked, answers.text("why"))


def write(answers: Answers, context: Context) -> list[Write]:
    """The reason and the end. Who is only lost from sight stays registered, so that she is found on that list."""
    case, on, why = latest(context), answers.date("on"), answers.text("why")
    day = on.first if on is not None else context.today
    if why == DIED:
        dead = changed(context.she, deceasedDateTime=day.isoformat(), deceasedBoolean=None)
        return [dead, *death(context, case, day)]
    if why == COMPLETE:
        return [*closed(case, day), *(_past(held, day.isoformat()) for held in _problems(context, case))]
    if why == MISTAKE:
        return closed(case, day, "entered-in-error")
    notes = Notes(context, context.she.reference, day.isoformat(), episode=case.link)
    notes.observe("outcome", valueCodeableConcept=codeable(OUTCOMES[why]))
    return [*notes.writes, *(() if why == LOST else closed(case, day))]


def _problems(context: Context, case: Case) -> Iterator[Held]:
    """Conditions of the birth that are still said to be there."""
    for each in case.mother.problems:
        held = context.held(each.ref)
        if each.kind in _PASSING and not each.past and held is not None and held.type == "Condition":
            yield held


def _past(held: Held, day: str) -> Write:
    return changed(held, clinicalStatus=saying.term("condition-clinical", "resolved"), abatementDateTime=day)


def edits(context: Context) -> Iterator[str]:
    """Herself, the episode, and problems of the birth."""
    case = latest(context)
    yield context.she.reference
    if case.link:
        yield case.link
    yield from (held.reference for held in _problems(context, case))


CLOSE: Final = Sheet(
    name="close-pregnancy",
    path="/patients/{id_}/pregnancy/close",
    form=form,
    start=start,
    write=write,
    edits=edits,
    news=lambda answers, context: _("It is saved."),
)
