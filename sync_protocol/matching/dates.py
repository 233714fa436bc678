"""How far two birth dates agree, as people get them wrong: estimated, day and month exchanged, a digit mistyped."""

from typing import Final

from rapidfuzz.distance import OSA

ESTIMATED_DAYS: Final = ("01-01", "07-01", "06-30")
"""What is written for "about 1990": a whole date on one of these says no more than its year."""
TYPED_YEARS_MAX: Final = 10
"""A mistyped digit that makes somebody older or younger than this is seen by whoever sits opposite."""
_ESTIMATED: Final = (
    (0, "estimated year"),
    (1, "estimated within 1"),
    (3, "estimated within 3"),
    (7, "estimated within 7"),
)


def born_level(one: str, other: str, *, estimated: bool) -> str:
    """The level, a key of `scoring.BORN`, of two dates `YYYY[-MM[-DD]]`. Symmetric."""
    apart = abs(int(one[:4]) - int(other[:4]))
    if estimated or min(len(one), len(other)) < 10 or one[5:] in ESTIMATED_DAYS or other[5:] in ESTIMATED_DAYS:
        return next((name for years, name in _ESTIMATED if apart <= years), "estimated other")
    if one == other:
        return "day"
    if one == _swapped(other):
        return "swapped"
    if apart <= TYPED_YEARS_MAX and OSA.distance(one, other, score_cutoff=1) <= 1:
        return "typed"
    return "year" if apart == 0 else "within 2 years" if apart <= 2 else "other"


def _swapped(day: str) -> str:
    """Day and month exchanged: a date by chance only when the day is no later than the twelfth."""
    return f"{day[:4]}-{day[8:]}-{day[5:7]}"
