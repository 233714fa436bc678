"""The fields of a blood pressure: taken again after rest when it is high, and both readings kept.

What is plausible is what does not refer at once: a severe pressure is asked once more, since a slip of the finger must not send
a woman to hospital, nor hide that she has to go.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from edge_node.concepts import VITAL_SIGNS, codeable, quantity
from edge_node.forms.answers import Answers
from edge_node.forms.fields import AnyOf, Condition, Field, Kind, Section, When, between
from edge_node.forms.maternal.notes import Notes, component
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, Text
from edge_node.maternal.concepts import READING
from edge_node.maternal.pressure import HIGH

_IS_HIGH: Final = (AnyOf((When("systolic", at_least=HIGH[0]), When("diastolic", at_least=HIGH[1]))),)


def section() -> Section:
    """Upper and lower, and the same again after rest where the first was high."""
    rested = C_("It is high. Let her sit and rest for 10 to 15 minutes, then take it again.")
    return Section(
        title=C_("Blood pressure"),
        fields=(
            _upper("systolic", C_("Upper blood pressure")),
            _lower("diastolic", C_("Lower blood pressure")),
            _upper("systolic_again", C_("Upper blood pressure after rest"), rested, _IS_HIGH),
            _lower("diastolic_again", C_("Lower blood pressure after rest"), None, _IS_HIGH),
        ),
    )


def _upper(name: str, label: Text, hint: Text | None = None, when: tuple[Condition, ...] = ()) -> Field:
    return Field(
        name=name,
        label=label,
        hint=hint,
        when=when,
        kind=Kind.INTEGER,
        unit="mmHg",
        possible=between("40", "300"),
        plausible=between("80", "159"),
    )


def _lower(name: str, label: Text, hint: Text | None = None, when: tuple[Condition, ...] = ()) -> Field:
    return Field(
        name=name,
        label=label,
        hint=hint,
        when=when,
        kind=Kind.INTEGER,
        unit="mmHg",
        possible=between("20", "200"),
        plausible=between("40", "109"),
    )


_PAIRS: Final = (("systolic", "diastolic"), ("systolic_again", "diastolic_again"))


def check(answers: Answers) -> Iterator[Problem | Doubt]:
    """The lower one above the upper one, one without the other, and a high one that was not taken again."""
    for upper, lower in _PAIRS:
        yield from check_pair(answers, upper, lower)
    if _raised(answers) and not any(answers.number(name) for name in _PAIRS[1]):
        text = C_("Her blood pressure is high and was not taken again after rest. Save it without a second reading?")
        yield Doubt("systolic_again", text, f"{answers.number('systolic')}/{answers.number('diastolic')}")


def check_pair(answers: Answers, upper: str, lower: str) -> Iterator[Problem | Doubt]:
    """Of the two fields of one reading: the lower one above the upper one, one without the other."""
    high, low = answers.number(upper), answers.number(lower)
    if high is not None and low is not None and low >= high:
        yield Problem(lower, C_("The lower blood pressure has to be less than the upper one."))
    if (high is None) != (low is None):
        missing, typed = (lower, high) if low is None else (upper, low)
        yield Doubt(missing, C_("Only one of the two numbers is filled in. Leave it so?"), str(typed))


def _raised(answers: Answers) -> bool:
    pairs = zip(_PAIRS[0], HIGH, strict=True)
    return any((value := answers.number(name)) is not None and value >= least for name, least in pairs)


def note(notes: Notes, answers: Answers) -> None:
    """The readings, each as one Observation."""
    for (upper, lower), rested in zip(_PAIRS, (False, True), strict=True):
        parts = [*_part("systolic", answers.number(upper)), *_part("diastolic", answers.number(lower))]
        if parts:
            method = codeable(READING["after-rest"]) if rested else None
            notes.observe("blood-pressure", component=parts, method=method)


def _part(name: str, value: Decimal | None) -> list[dict[str, Any]]:
    return [] if value is None else [component(name, valueQuantity=quantity(value, VITAL_SIGNS[name]))]
