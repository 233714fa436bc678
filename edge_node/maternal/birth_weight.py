"""Whether a weight at birth fits the length of the pregnancy: a mistake in either shows by the other.

Source: Hadlock FP, Harrist RB, Martinez-Poyer J. In utero analysis of fetal growth: a sonographic weight standard. Radiology
1991;181:129-133: ln(grams) = 0.578 + 0.332 w - 0.00354 w², w in weeks, its standard deviation 12.7 %. Babies who are born early weigh less
than those who stay, and peoples differ: so only what lies four standard deviations away is asked about. (The formula was written down
from memory: a clinician has to check it.)
"""

from math import exp
from typing import Final

SPREAD: Final = 0.127
DEVIATIONS: Final = 4
FIRST_DAYS: Final = 22 * 7
"""Before, nothing is born that is weighed as a baby (WHO ICD-10, volume 2, 5.7: from 22 weeks)."""
LAST_DAYS: Final = 42 * 7
"""Later ones are judged as of this day: the curve was made to 40 weeks, and bends down beyond 46."""


def median_grams(age_days: int) -> float:
    """The weight of the middle one of a hundred at an age in days, from 22 to 42 weeks."""
    weeks = min(max(age_days, FIRST_DAYS), LAST_DAYS) / 7
    return exp(0.578 + 0.332 * weeks - 0.00354 * weeks**2)


def is_likely(grams: float, age_days: int) -> bool:
    """Whether both may be right."""
    return abs(grams / median_grams(age_days) - 1) <= DEVIATIONS * SPREAD
