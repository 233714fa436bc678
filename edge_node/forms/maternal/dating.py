"""How far she is: what is told or measured, what follows by the rule, and the clinician who accepts it.

What the rule proposes is asked once more before it is accepted: "By the scan the baby is expected on 3 May. Is that right?" The tick
counts for just that source and day.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from edge_node.concepts import codeable, quantity
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context
from edge_node.forms.fields import NO, YES, AnyOf, Choice, Condition, Field, Kind, Span, When, between
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.notes import Notes, component, statement
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, Text
from edge_node.language.days import Day
from edge_node.maternal.concepts import CERTAINTIES, DATING_SOURCES
from edge_node.maternal.dating import age_on, preferred
from edge_node.maternal.facts import Evidence, Pregnancy
from edge_node.maternal.statements import facts_of

_PERIOD_DAYS: Final = 315
"""45 weeks: a last period longer ago was of another pregnancy (`edge_node.maternal.statements.AGE_DAYS_MAX`)."""
_SCAN_DAYS: Final = 300
GIVEN: Final = AnyOf((When("lmp"), When("scan_on"), When("fundal_weeks")))
"""Holds when anything was filled in from which an expected date follows."""
SOURCES: Final = {
    "lmp": C_("the last period"),
    "ultrasound": C_("the scan"),
    "fundal-height": C_("the height of the womb"),
    "stated": C_("an expected date that was told"),
}


def fields(today: date, conditions: tuple[Condition, ...] = ()) -> tuple[Field, ...]:
    """The evidence. `conditions`: when all of it is asked."""
    return (
        Field(
            name="lmp",
            label=C_("First day of her last period"),
            hint=C_("The month and the year are enough if she does not know the day."),
            kind=Kind.DATE,
            partial=True,
            possible_days=Span(today - timedelta(_PERIOD_DAYS), today),
            plausible_days=Span(today - timedelta(294), today - timedelta(21)),
            when=conditions,
        ),
        Field(
            name="lmp_sure",
            label=C_("Is she sure of that day?"),
            kind=Kind.CHOICE,
            choices=choices(CERTAINTIES),
            required=True,
            when=(*conditions, When("lmp")),
        ),
        Field(
            name="scan_on",
            label=C_("Day of an ultrasound scan"),
            kind=Kind.DATE,
            possible_days=Span(today - timedelta(_SCAN_DAYS), today),
            when=conditions,
        ),
        Field(
            name="scan_weeks",
            label=C_("Weeks of pregnancy that the scan found"),
            kind=Kind.INTEGER,
            unit=N_("weeks"),
            possible=between("4", "43"),
            plausible=between("6", "41"),
            required=True,
            when=(*conditions, When("scan_on")),
        ),
        Field(
            name="scan_days",
            label=C_("and days"),
            kind=Kind.INTEGER,
            unit=N_("days"),
            possible=between("0", "6"),
            when=(*conditions, When("scan_on")),
        ),
        Field(
            name="fundal_weeks",
            label=C_("Weeks of pregnancy by the height of the womb"),
            hint=C_("Only if there is no scan and she does not know her last period."),
            kind=Kind.INTEGER,
            unit=N_("weeks"),
            possible=between("8", "44"),
            plausible=between("12", "41"),
            when=conditions,
        ),
    )


def accept_field() -> Field:
    """Whether the dating that follows is accepted."""
    return Field(
        name="accept",
        label=C_("Use the expected date of birth that follows from this?"),
        hint=C_("You will be shown the date before it is saved."),
        kind=Kind.CHOICE,
        choices=(Choice(YES, N_("Yes, show it to me")), Choice(NO, N_("Not yet"))),
        required=True,
        when=(GIVEN,),
    )


# --- what follows -----------------------------------------------------------------------------------------------------


def told(answers: Answers, today: date) -> dict[str, dict[str, Any]]:
    """What each piece of evidence says as members of an Observation, by the statement's name. `on` is its day, where that is not now."""
    found: dict[str, dict[str, Any]] = {}
    lmp, scan = answers.date("lmp"), answers.date("scan_on")
    if lmp is not None:
        sure = CERTAINTIES[answers.text("lmp_sure")]
        certainty = component("lmp-certainty", valueCodeableConcept=codeable(sure))
        found["lmp"] = {"valueDateTime": lmp.text, "component": [certainty]}
    if scan is not None:
        days = 7 * (answers.whole("scan_weeks") or 0) + (answers.whole("scan_days") or 0)
        age = quantity(days, statement("age-by-ultrasound"))
        found["age-by-ultrasound"] = {"valueQuantity": age, "effectiveDateTime": scan.text}
    weeks = answers.whole("fundal_weeks")
    if weeks is not None:
        source = component("dating-source", valueCodeableConcept=codeable(DATING_SOURCES["fundal-height"]))
        age = quantity(7 * weeks, statement("gestational-age"))
        found["gestational-age"] = {"valueQuantity": age, "component": [source]}
    return found


def evidence(answers: Answers, today: date) -> tuple[Evidence, ...]:
    """The same as facts; `ref` is the statement's name."""
    return tuple(
        msgspec.structs.replace(fact, ref=name)
        for name, members in told(answers, today).items()
        for fact in facts_of({"code": codeable(statement(name)), **members}, _day(members, today)) or ()
        if isinstance(fact, Evidence)
    )


def _day(members: dict[str, Any], today: date) -> date:
    return date.fromisoformat(members["effectiveDateTime"]) if "effectiveDateTime" in members else today


def best(found: Iterable[Evidence]) -> Evidence | None:
    """The evidence that the rule prefers."""
    return preferred(Pregnancy(id="", ref="", status="active", evidence=tuple(found)))


def proposal(one: Evidence, today: date) -> Text:
    """What is asked before a dating is accepted."""
    age = age_on(one.expected, today)
    text = C_(
        "By %(source)s the baby is expected on %(day)s. Today she is %(weeks)s weeks and %(days)s days pregnant. Is that right?"
    )
    return text.of(
        source=SOURCES[one.kind],
        day=Day(one.expected),
        weeks=age.weeks if age else 0,
        days=age.days if age else 0,
    )


def check(answers: Answers, today: date) -> Iterator[Problem | Doubt]:
    """A last period of which only the year is known, a scan before the pregnancy; and the proposal, where it shall be accepted."""
    lmp = answers.date("lmp")
    if lmp is not None and len(lmp.text) == len("2026"):
        yield Problem("lmp", C_("The year alone says nothing. Give the month too, or leave it empty."))
        return
    one = best(evidence(answers, today))
    if one is not None and answers.yes("accept"):
        yield Doubt("accept", proposal(one, today), f"{one.kind} {one.expected.isoformat()}")


# --- writing ----------------------------------------------------------------------------------------------------------


def note(notes: Notes, answers: Answers, context: Context) -> None:
    """The evidence, and the dating that was accepted."""
    refs = note_evidence(notes, answers, context.today)
    one = best(evidence(answers, context.today))
    if one is not None and answers.yes("accept"):
        accept(notes, context, one, refs[one.ref])


def note_evidence(notes: Notes, answers: Answers, today: date) -> dict[str, str]:
    """What was told or measured; statement → the Observation that says it."""
    refs = {}
    for name, members in told(answers, today).items():
        at = members.get("effectiveDateTime", "")
        rest = {key: value for key, value in members.items() if key != "effectiveDateTime"}
        refs[name] = notes.observe(name, at=at, **rest)
    return refs


def accept(notes: Notes, context: Context, one: Evidence, ref: str) -> None:
    """That this dating is taken for true from now on. `ref`: the evidence."""
    parts = []
    if one.kind in DATING_SOURCES:
        parts.append(component("dating-source", valueCodeableConcept=codeable(DATING_SOURCES[one.kind])))
    notes.observe(
        "accepted-dating",
        at=context.moment,
        valueDateTime=one.expected.isoformat(),
        component=parts,
        performer=[{"display": context.author.user}],
        derivedFrom=[{"reference": ref}],
    )
