"""A dating that replaces another, or the first that is accepted: from evidence on record, or from something new.

None is ever deleted; the last one that a clinician accepted counts, and every due date moves with it.
"""

from collections.abc import Iterator
from typing import Final

from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, when
from edge_node.forms.maternal import dating
from edge_node.forms.maternal.case import Case, present
from edge_node.forms.maternal.contact import to_pregnancy
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.parsing import Doubt, Problem
from edge_node.forms.showing import Standing
from edge_node.language import C_, Text, _
from edge_node.language.days import Day
from edge_node.maternal.dating import preferred
from edge_node.maternal.facts import Evidence
from edge_node.store.model import Write

NEW: Final = "new"


def form(context: Context) -> Form:
    """What is on record, and what is new."""
    case = present(context)
    offered = [Choice(each.ref, _described(each)) for each in case.pregnancy.evidence]
    which = Field(
        name="which",
        label=C_("By what is she to be dated?"),
        hint=_now(case),
        kind=Kind.CHOICE,
        choices=(*offered, Choice(NEW, C_("By something new, filled in below"))),
        required=True,
    )
    return Form(
        title=C_("Expected date of birth"),
        sections=(
            Section(title=C_("Dating"), fields=(which,)),
            Section(
                title=C_("Something new"),
                fields=dating.fields(context.today),
                when=when("which", NEW),
            ),
        ),
        checks=(lambda answers: _checks(answers, case),),
    )


def _described(one: Evidence) -> Text:
    text = C_("By %(source)s, noted on %(on)s: expected on %(day)s")
    return text.of(source=dating.SOURCES[one.kind], on=Day(one.on), day=Day(one.expected))


def _now(case: Case) -> Text:
    if case.used is None:
        return C_("Nothing dates this pregnancy yet.")
    text = C_("Now: expected on %(day)s by %(source)s.") if case.used.accepted else _PROVISIONAL
    return text.of(day=Day(case.used.expected), source=dating.SOURCES[case.used.kind])


_PROVISIONAL: Final = C_("Not accepted by anybody yet; until then, expected on %(day)s by %(source)s.")


def start(context: Context) -> Standing:
    """The evidence that the rule prefers."""
    best = preferred(present(context).pregnancy)
    return {"which": best.ref if best is not None else NEW}


def chosen(answers: Answers, case: Case) -> Evidence | None:
    """The evidence that was chosen: one on record, or the best of what is new."""
    if answers.text("which") == NEW:
        return dating.best(dating.evidence(answers, case.today))
    return next((each for each in case.pregnancy.evidence if each.ref == answers.text("which")), None)


def _checks(answers: Answers, case: Case) -> Iterator[Problem | Doubt]:
    problems = list(dating.check(answers, case.today))
    yield from problems
    if problems:
        return
    one = chosen(answers, case)
    if one is None:
        yield Problem("which", C_("Fill in a last period, a scan or the height of the womb."))
        return
    yield Doubt("which", _asked(one, case), f"{one.kind} {one.expected.isoformat()}")


def _asked(one: Evidence, case: Case) -> Text:
    if case.used is None or not case.used.accepted or case.used.expected == one.expected:
        return dating.proposal(one, case.today)
    text = C_("The expected date moves from %(before)s to %(after)s, and all due dates with it. Is that right?")
    return text.of(before=Day(case.used.expected), after=Day(one.expected))


def write(answers: Answers, context: Context) -> list[Write]:
    """What is new, and that it is accepted."""
    case = present(context)
    one = chosen(answers, case)
    notes = Notes(context, context.she.reference, context.moment, episode=case.link)
    refs = dating.note_evidence(notes, answers, case.today) if answers.text("which") == NEW else {}
    if one is not None:
        dating.accept(notes, context, one, refs.get(one.ref, one.ref))
    return notes.writes


REDATE: Final = Sheet(
    name="date-pregnancy",
    path="/patients/{id_}/pregnancy/dating",
    form=form,
    start=start,
    write=write,
    after=to_pregnancy,
    news=lambda answers, context: _("The expected date of birth is saved. All due dates follow it."),
)
