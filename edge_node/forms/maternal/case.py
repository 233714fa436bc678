"""Whom and which pregnancy a form is about, out of its context."""

from collections.abc import Callable
from datetime import date, timedelta

import msgspec

from edge_node.errors import NotFound
from edge_node.forms.context import Context, Held
from edge_node.maternal.dating import Age, Dating, age_days, age_on, dating
from edge_node.maternal.facts import Mother, Pregnancy, is_over
from edge_node.maternal.record import read_mother
from edge_node.programme import Programme

AFTERCARE = timedelta(days=84)
"""So long after its end a pregnancy is still what postnatal forms are about, where the address names none."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A woman, the pregnancy in question, and its dating if it has one. `episode`: its EpisodeOfCare, where it has one."""

    mother: Mother
    pregnancy: Pregnancy
    used: Dating | None
    today: date
    programme: Programme
    episode: Held | None

    @property
    def age_days(self) -> int | None:
        """How old the pregnancy is today; None while nothing dates it."""
        return age_days(self.used.expected, self.today) if self.used else None

    @property
    def age(self) -> Age | None:
        """The same in weeks and days."""
        return age_on(self.used.expected, self.today) if self.used else None

    def reached(self, weeks: int) -> bool:
        """Whether she is so far, or may be: what is not dated is asked everything."""
        return self.age_days is None or self.age_days >= 7 * weeks

    @property
    def link(self) -> str:
        """The reference that ties statements to the pregnancy; "" where it has no EpisodeOfCare to be tied to."""
        return self.episode.reference if self.episode is not None else ""


def mother_of(context: Context) -> Mother:
    """All that is known of her, as facts."""
    return read_mother(context.she.id, [held.resource for held in (context.she, *context.records)])


def ongoing(mother: Mother) -> Pregnancy | None:
    """The pregnancy that goes on; of several the one that began last."""
    return next((each for each in reversed(mother.pregnancies) if not is_over(each)), None)


def present(context: Context) -> Case:
    """The pregnancy that the address names, else the one that goes on. Raises NotFound when there is none."""
    return _case(context, ongoing)


def latest(context: Context) -> Case:
    """The pregnancy that the address names, else her last one, over or not. Raises NotFound when there is none."""
    return _case(context, lambda mother: next(reversed(mother.pregnancies), None))


def _case(context: Context, choose: Callable[[Mother], Pregnancy | None]) -> Case:
    mother = mother_of(context)
    named = context.about.reference if context.about is not None else None
    found = next((each for each in mother.pregnancies if each.ref == named), None) if named else choose(mother)
    if found is None:
        raise NotFound()
    episode = context.held(found.ref) if found.ref.startswith("EpisodeOfCare/") else None
    return Case(
        mother=mother,
        pregnancy=found,
        used=dating(found),
        today=context.today,
        programme=context.programme,
        episode=episode,
    )
