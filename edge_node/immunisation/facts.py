"""What rules of immunisation know of a person: facts, free of FHIR."""

from datetime import date

import msgspec


class Given(msgspec.Struct, frozen=True, order=False):
    """One vaccine that was given.

    `vaccine`: a name of `vaccines.VACCINES`. `day`: where only a month or year was written, its last day, so that
    nothing that waits for an interval comes too early; `exact` is false then. `weak`: it was recorded as less than a
    full dose. `source`: the id of the record.
    """

    vaccine: str
    day: date
    exact: bool = True
    weak: bool = False
    source: str = ""


class Facts(msgspec.Struct, frozen=True):
    """A person's facts. To the dead (`dead`) nothing is due.

    `born`: where only the month or year is known its last day, and `born_exact` is false. `pregnant_since`: the first
    day of a present pregnancy (the expected date of birth less 280 days), for schedules that count from it. `traits`:
    what the `only_if` and `unless` of schedules name: "hiv-exposed", "hiv-infected", "female", "yellow-fever-area".
    """

    born: date | None = None
    born_exact: bool = True
    pregnant_since: date | None = None
    given: tuple[Given, ...] = ()
    traits: frozenset[str] = frozenset()
    dead: bool = False

    def anchor(self, name: str) -> date | None:
        """The day from which a schedule counts; None when it is not known."""
        return self.pregnant_since if name == "pregnancy" else self.born
