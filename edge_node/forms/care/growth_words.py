"""What is said of a child's growth when measurements were saved, and what is asked of those that are unlikely."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from edge_node.growth.child import Assessment, Score
from edge_node.growth.standard import Indicator
from edge_node.language import C_, Text, clinical, reader
from edge_node.language.digits import amount

INDICATORS: Final = MappingProxyType(
    {
        Indicator.WEIGHT_FOR_AGE: C_("Weight for age"),
        Indicator.LENGTH_FOR_AGE: C_("Length or height for age"),
        Indicator.WEIGHT_FOR_LENGTH: C_("Weight for length"),
        Indicator.WEIGHT_FOR_HEIGHT: C_("Weight for height"),
        Indicator.BMI_FOR_AGE: C_("Body mass index for age"),
        Indicator.HEAD_FOR_AGE: C_("Head circumference for age"),
        Indicator.MUAC_FOR_AGE: C_("Upper arm circumference for age"),
    }
)
NAMES: Final = MappingProxyType(
    {
        "severely-stunted": C_("severely short for age"),
        "stunted": C_("short for age"),
        "very-tall": C_("very tall for age"),
        "severely-underweight": C_("severely light for age"),
        "underweight": C_("light for age"),
        "severely-wasted": C_("severely thin"),
        "wasted": C_("thin"),
        "may-become-overweight": C_("may become overweight"),
        "overweight": C_("overweight"),
        "obese": C_("obese"),
        "head-very-small": C_("very small head"),
        "head-small": C_("small head"),
        "head-very-large": C_("very large head"),
        "head-large": C_("large head"),
        "arm-very-thin": C_("very thin arm"),
        "arm-thin": C_("thin arm"),
        "": C_("as usual"),
    }
)
"""What `growth.child` calls a score."""
SIGNS: Final = MappingProxyType(
    {
        "oedema": C_("Swelling of both feet: a sign of severe malnutrition."),
        "muac-severe": C_("The arm is under 11.5 cm: severe malnutrition."),
        "muac-moderate": C_("The arm is under 12.5 cm: moderate malnutrition."),
    }
)
_TOLD: Final = (
    Indicator.WEIGHT_FOR_AGE,
    Indicator.LENGTH_FOR_AGE,
    Indicator.WEIGHT_FOR_LENGTH,
    Indicator.WEIGHT_FOR_HEIGHT,
    Indicator.HEAD_FOR_AGE,
)
"""Scores that are told; the others say the same in another way."""


def told(assessment: Assessment) -> str:
    """The z-scores of a day and what they mean, in sentences; empty when there is nothing to compare."""
    said = [str(SIGNS[sign.name]) for sign in assessment.signs]
    said += [_score(score) for score in assessment.scores if score.indicator in _TOLD]
    if assessment.degree == "refer":
        said.append(clinical("Refer the child today."))
    return " ".join(said)


def _score(score: Score) -> str:
    z = amount(f"{score.z:.1f}", reader().locale)
    if not score.plausible:
        return clinical("%(what)s %(z)s: measure again.", what=INDICATORS[score.indicator], z=z)
    return clinical("%(what)s %(z)s: %(name)s.", what=INDICATORS[score.indicator], z=z, name=NAMES[score.name])


def unlikely(assessment: Assessment) -> Iterator[tuple[Indicator, Text]]:
    """What is asked once more, and of what: a measurement that hardly any child of that age and sex has."""
    for score in assessment.scores:
        if not score.plausible:
            text = C_("Hardly any child of this age and sex has such a measurement (%(what)s). Is it right?")
            yield score.indicator, text.of(what=INDICATORS[score.indicator])
