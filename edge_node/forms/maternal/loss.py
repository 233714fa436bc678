"""A pregnancy that ended before a birth: said with care, and short. Everything due ends with it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from edge_node.concepts import codeable
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet
from edge_node.forms.fields import Field, Form, Kind, Section, Span
from edge_node.forms.maternal import blood_pressure
from edge_node.forms.maternal.birth import VIABLE_DAYS, closed
from edge_node.forms.maternal.case import Case, present
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.contact import to_pregnancy
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, _
from edge_node.maternal.concepts import DANGER_SIGNS
from edge_node.maternal.dating import age_days
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.store.model import Write

KINDS: Final = ("miscarriage", "abortion", "ectopic")
AFTER: Final = ("bleeding", "fever", "severe-abdominal-pain", "looks-very-ill", "unconscious", "none")


def form(context: Context) -> Form:
    """What is asked of a loss, and how she is now."""
    case = present(context)
    return Form(
        title=C_("The pregnancy ended early"),
        intro=C_(
            "For a baby born dead from 28 weeks on, use the form for births. She may need time, company and rest."
        ),
        sections=(_what(context), _now(), blood_pressure.section()),
        checks=(blood_pressure.check, lambda answers: _checks(answers, case)),
    )


def _what(context: Context) -> Section:
    return Section(
        title=C_("What happened?"),
        fields=(
            Field(
                name="kind",
                label=C_("How did the pregnancy end?"),
                kind=Kind.CHOICE,
                choices=choices(OUTCOMES[each] for each in KINDS),
                required=True,
            ),
            Field(
                name="on",
                label=C_("On which day?"),
                kind=Kind.DATE,
                required=True,
                possible_days=Span(context.today - timedelta(300), context.today),
            ),
        ),
    )


def _now() -> Section:
    signs = Field(
        name="danger_signs",
        label=C_("Danger signs"),
        kind=Kind.CHOICES,
        choices=choices(DANGER_SIGNS[each] for each in AFTER),
    )
    return Section(title=C_("How is she now?"), fields=(signs,))


def _checks(answers: Answers, case: Case) -> Iterator[Problem | Doubt]:
    on = answers.date("on")
    if on is None or case.used is None:
        return
    days = age_days(case.used.expected, on.first)
    if days >= VIABLE_DAYS:
        text = C_("That is %(weeks)s weeks of pregnancy. Is it a loss, and not a birth?")
        yield Doubt("kind", text.of(weeks=days // 7), on.text)


def write(answers: Answers, context: Context) -> list[Write]:
    """How it ended, how she is, and that the episode is over."""
    case, on = present(context), answers.date("on")
    day = on.first if on is not None else context.today
    end = Notes(context, context.she.reference, day.isoformat(), episode=case.link)
    end.observe("outcome", valueCodeableConcept=codeable(OUTCOMES[answers.text("kind")]))
    now = Notes(context, context.she.reference, context.moment, episode=case.link)
    now.signs("danger-signs", DANGER_SIGNS, answers.chosen("danger_signs"))
    blood_pressure.note(now, answers)
    return [*end.writes, *now.writes, *closed(case, day)]


def edits(context: Context) -> Iterator[str]:
    """The episode."""
    link = present(context).link
    if link:
        yield link


LOSS: Final = Sheet(
    name="pregnancy-loss",
    path="/patients/{id_}/pregnancy/loss",
    form=form,
    write=write,
    edits=edits,
    after=to_pregnancy,
    news=lambda answers, context: _(
        "It is saved. Nothing of this pregnancy is due any more, and its reminders have ended."
    ),
)
