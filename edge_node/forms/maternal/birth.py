"""A birth: of one baby or several, alive or not; where and how, and how the mother is.

Source of the questions: WHO digital adaptation kit for antenatal care, Web Annex A, "ANC.End Pregnancy outcome"; WHO Labour Care
Guide 2020, section 7 (outcome).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from edge_node.concepts import codeable
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet, changed
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section, Span, between, when
from edge_node.forms.maternal.case import Case, present
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.contact import to_pregnancy
from edge_node.forms.maternal.newborns import BABIES_MAX, Babies, name
from edge_node.forms.maternal.newborns import section as baby_section
from edge_node.forms.maternal.notes import Notes, moment_of
from edge_node.forms.parsing import Doubt, Problem
from edge_node.forms.showing import Standing
from edge_node.language import C_, N_, _
from edge_node.maternal import birth_weight
from edge_node.maternal.concepts import BIRTH_PLACES
from edge_node.maternal.dating import age_days
from edge_node.maternal.facts import latest
from edge_node.maternal.history_concepts import CONDITIONS, MODES, OUTCOMES
from edge_node.store.model import Write

COMPLICATIONS: Final = ("heavy-bleeding", "deep-tear", "pre-eclampsia", "eclampsia")
VIABLE_DAYS: Final = 28 * 7
"""A baby born dead from 28 weeks on is a stillbirth; before, it is asked whether it was a loss (WHO ICD-10, volume 2, 5.7)."""
LATE_ENTRY: Final = timedelta(days=120)


def form(context: Context) -> Form:
    """What is asked of a birth."""
    case = present(context)
    return Form(
        title=C_("Birth"),
        sections=(
            _when_and_where(context.today),
            *(baby_section(number) for number in range(1, BABIES_MAX + 1)),
            _mother(),
        ),
        checks=(lambda answers: _checks(answers, case),),
    )


def _when_and_where(today: date) -> Section:
    return Section(
        title=C_("When and where?"),
        fields=(
            Field(
                name="on",
                label=C_("Day of the birth"),
                kind=Kind.DATE,
                required=True,
                possible_days=Span(today - LATE_ENTRY, today),
            ),
            Field(name="at", label=C_("Time of the birth"), kind=Kind.TIME),
            Field(
                name="place",
                label=C_("Where was it?"),
                kind=Kind.CHOICE,
                choices=choices(BIRTH_PLACES, but={"caesarean"}),
                required=True,
            ),
            Field(
                name="mode",
                label=C_("How was the birth?"),
                kind=Kind.CHOICE,
                choices=choices(MODES),
            ),
            Field(
                name="babies",
                label=C_("How many babies?"),
                kind=Kind.INTEGER,
                possible=between("1", str(BABIES_MAX)),
                required=True,
            ),
        ),
    )


def _mother() -> Section:
    return Section(
        title=C_("The mother"),
        fields=(
            Field(
                name="complications",
                label=C_("Problems at the birth"),
                kind=Kind.CHOICES,
                choices=choices(CONDITIONS[each] for each in COMPLICATIONS),
            ),
            Field(
                name="mother_died",
                label=C_("Did the mother die?"),
                kind=Kind.CHOICE,
                choices=(Choice(NO, N_("No")), Choice(YES, N_("Yes"))),
                required=True,
            ),
            Field(
                name="died_on",
                label=C_("Day of her death"),
                kind=Kind.DATE,
                required=True,
                when=when("mother_died", YES),
            ),
        ),
    )


def start(context: Context) -> Standing:
    """As most births are: today, and as many babies as are known of."""
    fetuses = latest(present(context).pregnancy.measures, "fetuses")
    return {
        "on": context.today.isoformat(),
        "babies": str(fetuses.value) if fetuses is not None else "1",
        "mother_died": NO,
    }


def _checks(answers: Answers, case: Case) -> Iterator[Problem | Doubt]:
    born, died = answers.date("on"), answers.date("died_on")
    if died is not None and not (born is None or born.first <= died.first <= case.today):
        yield Problem("died_on", C_("This day cannot be: look at the year."))
    if answers.yes("mother_died"):
        text = C_("Is it right that she died? All her appointments and reminders end with this.")
        yield Doubt("mother_died", text, died.text if died is not None else YES)
    if born is None or case.used is None:
        return
    days = age_days(case.used.expected, born.first)
    if days < VIABLE_DAYS:
        text = C_("That is only %(weeks)s weeks of pregnancy. Was it a birth, and is the day right?")
        yield Doubt("on", text.of(weeks=max(days // 7, 0)), born.text)
    for number in range(1, (answers.whole("babies") or 1) + 1):
        yield from _weight(answers, name("weight", number), days)


def _weight(answers: Answers, field: str, days: int) -> Iterator[Doubt]:
    grams = answers.number(field)
    if grams is not None and not birth_weight.is_likely(float(grams), days):
        text = C_(
            "This weight is unusual after %(weeks)s weeks of pregnancy. Is it right, and is the day of the birth?"
        )
        yield Doubt(field, text.of(weeks=max(days // 7, 0)), f"{grams} {days}")


# --- writing ----------------------------------------------------------------------------------------------------------


def write(answers: Answers, context: Context) -> list[Write]:
    """The birth, its babies as patients of their own, and how the mother is. A birth at home was no visit."""
    case = present(context)
    on = answers.date("on")
    at = moment_of(context, on.first if on is not None else context.today, answers.text("at"))
    notes = Notes(context, context.she.reference, at, episode=case.link)
    if answers.text("place") == "facility":
        notes.begin("birth")
    babies, count = Babies(context, answers, at), answers.whole("babies") or 1
    for number in range(1, count + 1):
        babies.outcome(notes, number, count, answers.text("mode"))
    notes.sign("birth-place", BIRTH_PLACES, answers.text("place"))
    for each in answers.chosen("complications"):
        notes.illness(each)
    return [*notes.writes, *babies.writes, *_ended(answers, context, case, babies.links)]


def _ended(answers: Answers, context: Context, case: Case, links: list[dict[str, Any]]) -> list[Write]:
    """The mother with the ties to her babies; and, if she died, her death and the end of the episode."""
    died = answers.date("died_on")
    members: dict[str, Any] = {"link": [*(context.she.resource.get("link") or []), *links]} if links else {}
    if died is None:
        return [changed(context.she, **members)] if members else []
    return [
        changed(context.she, **members, deceasedDateTime=died.text, deceasedBoolean=None),
        *death(context, case, died.first),
    ]


def death(context: Context, case: Case, on: date) -> list[Write]:
    """That the pregnancy ended with her death."""
    notes = Notes(context, context.she.reference, on.isoformat(), episode=case.link)
    notes.observe("outcome", valueCodeableConcept=codeable(OUTCOMES["mother-died"]))
    return [*notes.writes, *closed(case, on)]


def closed(case: Case, on: date, status: str = "finished") -> list[Write]:
    """The episode, over on a day."""
    if case.episode is None:
        return []
    period = {**(case.episode.resource.get("period") or {}), "end": on.isoformat()}
    return [changed(case.episode, status=status, period=period)]


def edits(context: Context) -> Iterator[str]:
    """Herself and the episode."""
    yield context.she.reference
    link = present(context).link
    if link:
        yield link


BIRTH: Final = Sheet(
    name="birth",
    path="/patients/{id_}/pregnancy/birth",
    form=form,
    start=start,
    write=write,
    edits=edits,
    after=to_pregnancy,
    news=lambda answers, context: _("The birth is saved."),
)
