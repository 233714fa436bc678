"""A pregnancy arranged for reading: what was found first, then how far she is, what is due, what was done. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from edge_node.language import _, clinical, ngettext, reader
from edge_node.language.days import said
from edge_node.language.digits import amount
from edge_node.maternal.assessing import findings
from edge_node.maternal.assigning import AFTER_BIRTH
from edge_node.maternal.contacts import GRACE, known_since, plan
from edge_node.maternal.course import Due, course
from edge_node.maternal.danger import newborn_dangers
from edge_node.maternal.dating import Dating, age_on, dating, redatings
from edge_node.maternal.due import due
from edge_node.maternal.facts import Mother, Newborn, Pregnancy, Pressure, born_on, is_over, latest
from edge_node.maternal.findings import Finding
from edge_node.maternal.history_concepts import OUTCOMES
from edge_node.maternal.lists import NEXT
from edge_node.maternal.postnatal import newborn_due
from edge_node.maternal.reminders import reminder_key
from edge_node.maternal.risk import risks
from edge_node.pages import maternal_words
from edge_node.programme import Programme

SOON: Final = timedelta(days=7)
NEXT_SHOWN: Final = 4
TONES: Final = {"refer": "bad", "manage": "waits", "inform": "plain"}


class Told(msgspec.Struct, frozen=True):
    """A finding in words. `degree`: `refer`, `manage`, `inform`; `on`: the day it is about, in words."""

    degree: str
    text: str
    on: str = ""

    @property
    def tone(self) -> str:
        return TONES[self.degree]


class Item(msgspec.Struct, frozen=True):
    """Something due. `state`: `late`, `now`, `later`. `key`: by which a reminder of it is known; `reminded`: there is one.
    `visit`: a contact of the plan."""

    text: str
    when: str
    state: str
    key: str
    remindable: bool
    visit: bool = False
    reminded: bool = False


class Visit(msgspec.Struct, frozen=True):
    """A contact of the plan. `state`: `held`, `before` (its time was over before she came), `missed`, `late`, `due`, `later`."""

    name: str
    when: str
    state: str


class Baby(msgspec.Struct, frozen=True):
    """A newborn, with its own page."""

    id: str
    name: str
    about: str
    found: tuple[Told, ...]
    items: tuple[Item, ...]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that a page says of one pregnancy."""

    ref: str
    over: bool
    aftercare: bool
    dead: bool
    age: str
    expected: str
    source: str
    accepted: bool
    ended: tuple[str, ...]
    found: tuple[Told, ...]
    risks: tuple[str, ...]
    items: tuple[Item, ...]
    visits: tuple[Visit, ...]
    last: tuple[tuple[str, str, str], ...]
    babies: tuple[Baby, ...]
    moved: tuple[str, ...]

    @property
    def urgent(self) -> tuple[Told, ...]:
        """What refers at once, of her and of the babies."""
        every = (*self.found, *(one for baby in self.babies for one in baby.found))
        return tuple(one for one in every if one.degree == "refer")

    @property
    def pressing(self) -> tuple[Item, ...]:
        """What is late, then what is due."""
        found = (item for item in self.items if item.state != "later")
        return tuple(sorted(found, key=lambda item: item.state != "late"))

    @property
    def later(self) -> tuple[Item, ...]:
        """What comes next, the next visit first."""
        found = [item for item in self.items if item.state == "later"]
        visit = next((item for item in found if item.visit), None)
        first = [visit] if visit is not None else []
        return (*first, *[item for item in found if item is not visit][: NEXT_SHOWN - len(first)])


class Name(msgspec.Struct, frozen=True):
    """What a baby is called, and what tells it from others."""

    name: str
    about: str


def shown(mother: Mother, today: date) -> Pregnancy | None:
    """The pregnancy that a page is about: the last, if it goes on or ended not long ago."""
    last = next(reversed(mother.pregnancies), None)
    going = [each for each in mother.pregnancies if not is_over(each)]
    if going:
        return going[-1]
    if last is None:
        return None
    ends = [each.on for each in last.outcomes] or ([last.end] if last.end else [])
    return last if ends and max(ends) + AFTER_BIRTH >= today else None


def card(
    mother: Mother,
    pregnancy: Pregnancy,
    newborns: Sequence[tuple[Newborn, Name]],
    reminded: frozenset[str],
    today: date,
    programme: Programme,
) -> Card:
    """The card. `newborns`: its babies as far as they are known here; `reminded`: keys of open reminders."""
    used = dating(pregnancy)
    over = is_over(pregnancy)
    found = findings(mother, pregnancy, programme)
    return Card(
        ref=pregnancy.ref,
        over=over,
        aftercare=born_on(pregnancy) is not None and not mother.dead and pregnancy.status != "finished",
        dead=mother.dead,
        age="" if over or used is None else _age(used, today),
        expected="" if used is None else said(used.expected),
        source="" if used is None else str(maternal_words.SOURCES[used.kind]),
        accepted=used is not None and used.accepted,
        ended=tuple(_ended(pregnancy)),
        found=tuple(_told(one) for one in found if one.code != "redated"),
        risks=() if over else tuple(_risks(mother, pregnancy, found)),
        items=tuple(_items((item for item in due(mother, programme) if item.of == pregnancy.ref), reminded, today)),
        visits=() if used is None else tuple(_visits(pregnancy, used, today, programme)),
        last=tuple(_last(pregnancy)),
        babies=tuple(_baby(newborn, name, reminded, today) for newborn, name in newborns),
        moved=tuple(_moved(pregnancy)),
    )


def _age(used: Dating, today: date) -> str:
    age = age_on(used.expected, today)
    if age is None:
        return ""
    weeks = ngettext("%(count)s week", "%(count)s weeks", age.weeks)
    days = ngettext("%(count)s day", "%(count)s days", age.days)
    return _("%(weeks)s and %(days)s", weeks=weeks, days=days)


def _told(one: Finding) -> Told:
    return Told(one.degree, maternal_words.finding(one), said(one.on) if one.on is not None else "")


def _risks(mother: Mother, pregnancy: Pregnancy, found: tuple[Finding, ...]) -> Iterator[str]:
    """Reasons that are not said among the findings already."""
    at = course(pregnancy)
    for one in risks(mother, at, found) if at is not None else ():
        if one.code != "finding":
            yield maternal_words.risk(one)


def _items(items: Iterator[Due], reminded: frozenset[str], today: date) -> Iterator[Item]:
    for item in items:
        if item.ends <= today:
            continue
        state = "late" if item.overdue_from <= today else "now" if item.due_from <= today else "later"
        when = {
            "late": _("since %(day)s", day=said(item.due_from)),
            "now": _("now, until %(day)s", day=said(item.overdue_from - timedelta(1))),
            "later": _("from %(day)s", day=said(item.due_from)),
        }[state]
        key = reminder_key(item)
        yield Item(
            maternal_words.due(item), when, state, key, item.kind in REMINDABLE, item.kind in NEXT, key in reminded
        )


REMINDABLE: Final = frozenset({"contact", "postnatal", "newborn-contact", "tetanus", "iptp", "iron-folate", "scan"})
"""Kinds for which she has to come; the rest is done when she is here."""


def _visits(pregnancy: Pregnancy, used: Dating, today: date, programme: Programme) -> Iterator[Visit]:
    planned = plan(pregnancy, used, programme.contacts)
    came = known_since(pregnancy, used)
    over = [following.on - GRACE for following in planned[1:]]  # from then on a visit counts for the next
    for each, closed in zip(planned, [*over, date.max], strict=True):
        name = clinical("Contact %(number)s, week %(week)s", number=_number(each.number), week=_number(each.week))
        if each.held:
            yield Visit(name, ", ".join(said(visit.on) for visit in each.held), "held")
        elif is_over(pregnancy):
            continue
        elif each.missed or each.ends <= today:
            yield Visit(name, said(each.on), "before" if closed <= came else "missed")
        else:
            state = "late" if each.overdue_from <= today else "due" if each.on <= today else "later"
            yield Visit(name, said(each.on), state)


def _number(value: int) -> str:
    return amount(str(value), reader().locale)


def _last(pregnancy: Pregnancy) -> Iterator[tuple[str, str, str]]:
    """The last of what is measured each time: name, value, day."""
    if pregnancy.pressures:
        last = max(pregnancy.pressures, key=lambda each: (each.on, each.repeat, each.ref))
        yield clinical("Blood pressure"), pressure(last), said(last.on)
    for kind, name, unit in (("weight", clinical("Weight"), "kg"), ("haemoglobin", clinical("Haemoglobin"), "g/dL")):
        found = latest(pregnancy.measures, kind)
        if found is not None:
            yield name, f"{amount(str(found.value), reader().locale)}\u00a0{unit}", said(found.on)


def pressure(one: Pressure) -> str:
    """`150/95 mmHg`."""
    parts = (amount(str(each), reader().locale) if each is not None else "?" for each in (one.systolic, one.diastolic))
    return f"{'/'.join(parts)}\u00a0mmHg"


def _ended(pregnancy: Pregnancy) -> Iterator[str]:
    for each in pregnancy.outcomes:
        name = clinical(OUTCOMES[each.kind].text) if each.kind in OUTCOMES else str(maternal_words.OUTCOMES[each.kind])
        weight = f", {amount(str(each.weight_g), reader().locale)}\u00a0g" if each.weight_g is not None else ""
        yield f"{name}, {said(each.on)}{weight}"


def _moved(pregnancy: Pregnancy) -> Iterator[str]:
    """Each change of the expected date, and where the dates that follow from it lie now."""
    for each in redatings(pregnancy):
        yield clinical(
            "On %(on)s the expected date was changed from %(before)s to %(after)s: all due dates moved by %(shift)s.",
            on=said(each.on),
            before=said(each.before),
            after=said(each.after),
            shift=_shift((each.after - each.before).days),
        )


def _shift(days: int) -> str:
    if days > 0:
        return ngettext("%(count)s day later", "%(count)s days later", days)
    return ngettext("%(count)s day earlier", "%(count)s days earlier", -days)


def _baby(newborn: Newborn, name: Name, reminded: frozenset[str], today: date) -> Baby:
    return Baby(
        newborn.id,
        name.name,
        name.about,
        tuple(_told(one) for one in newborn_dangers(newborn)),
        tuple(_items(iter(newborn_due(newborn)), reminded, today)),
    )
