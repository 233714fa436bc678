"""Fills in any form as people do, and keeps what it writes: the ground for laws on all answers of a form."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
from hypothesis import strategies as st

from edge_node.fhir.validation import has_errors, validate
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Held, Sheet, decode
from edge_node.forms.fields import Field, Form, Kind, Range, Span
from edge_node.forms.parsing import CONFIRM, Questions, holds, parse
from edge_node.forms.reading import Sent
from edge_node.medicines import formulary, substances
from edge_node.problems import catalogue
from edge_node.programme import Programme
from edge_node.store.model import Author, Write

NOW = datetime(2026, 6, 10, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
DEFAULTS = Programme()
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)


class Clinic:
    """A node's records in memory: forms are filled in, and what they write is there for the next one."""

    def __init__(self, *resources: dict[str, Any], programme: Programme = DEFAULTS) -> None:
        self.now = NOW
        self.programme = programme
        self._ids = count(1)
        self._held = {f"{r['resourceType']}/{r['id']}": _held(r) for r in resources}

    def context(self, about: str | None = None) -> Context:
        """The context of a form about the woman "mother"."""
        mine = [held for held in self._held.values() if "Patient/mother" in _about(held.resource)]
        return Context(
            author=Author("ama", "midwife"),
            now_ms=int(self.now.timestamp() * 1000),
            at=self.now,
            new_id=lambda: f"n{next(self._ids):04}",
            new_number=lambda: f"{next(self._ids):012}",
            patient=self._held["Patient/mother"],
            records=tuple(mine),
            about=self._held[about] if about else None,
            places={"Kétou hospital": "ketou"},
            programme=self.programme,
        )

    def resource(self, reference: str) -> Mapping[str, Any]:
        """A resource as it is now."""
        return self._held[reference].resource

    def compartment(self, patient: str) -> list[Mapping[str, Any]]:
        """A patient and all that is about her; `patient`: her reference."""
        return [
            held.resource for name, held in self._held.items() if name == patient or patient in _about(held.resource)
        ]

    def of_type(self, type_: str) -> list[Mapping[str, Any]]:
        """All resources of a type."""
        return [held.resource for held in self._held.values() if held.type == type_]

    def keep(self, writes: list[Write]) -> None:
        """Keeps what was written; each has to be valid FHIR, against the version that was on the screen."""
        for write in writes:
            assert write.body is not None
            resource = decode(write.body)
            issues = validate(msgspec.json.decode(write.body))
            assert not has_errors(issues), issues
            name = f"{write.type}/{write.id}"
            assert write.create is (name not in self._held), name
            assert write.create or write.seen == self._held[name].version
            self._held[name] = _held(resource)

    def fill(self, sheet: Sheet, sent: Mapping[str, str | tuple[str, ...]], about: str | None = None) -> list[Write]:
        """Sends a form with everything that it starts with and what is given, says yes to what it asks back, and keeps it."""
        context = self.context(about)
        given = {**sheet.start(context), **sent}
        whole = {name: value if isinstance(value, tuple) else (value,) for name, value in given.items()}
        answers = confirmed(sheet.form(context), whole, self.now.date())
        assert isinstance(answers, Answers), answers
        writes = sheet.write(answers, context)
        self.keep(writes)
        return writes


def _about(resource: Mapping[str, Any]) -> list[str]:
    """Whose compartment a resource is in, as far as these tests need it."""
    tied = (resource.get("subject"), resource.get("patient"), resource.get("for"))
    actors = [one.get("actor") for one in resource.get("participant") or []]
    return [one["reference"] for one in (*tied, *actors) if one]


def _held(resource: Mapping[str, Any]) -> Held:
    version = f"{hash(repr(resource)) & (1 << 64) - 1:016x}"
    return Held(resource["resourceType"], resource["id"], version, resource)


def confirmed(form: Form, sent: Sent, today: date) -> Answers | Questions:
    """A form sent, and sent again with all boxes ticked that it asked back."""
    read = parse(form, sent, today)
    for _ in range(3):
        if isinstance(read, Answers) or read.problems:
            return read
        ticked = dict(sent)
        for doubt in read.doubts:
            name = CONFIRM + doubt.field
            ticked[name] = (*ticked.get(name, ()), doubt.about)
        sent = ticked
        read = parse(form, sent, today)
    return read


@st.composite
def filled(draw: Callable[..., Any], form: Form, today: date = TODAY) -> dict[str, tuple[str, ...]]:
    """A form filled in at random: what is asked is answered with something possible, or left out where it may be."""
    sent: dict[str, tuple[str, ...]] = {}
    values: dict[str, Any] = {}
    for field, conditions in form.asked():
        if not all(holds(one, values) for one in conditions):
            continue
        if not field.required and draw(st.booleans()):
            continue
        typed = draw(_typed(field, today))
        sent[field.name] = typed
        values[field.name] = _value(field, typed)
    return sent


def _value(field: Field, typed: tuple[str, ...]) -> Any:
    if field.kind in (Kind.INTEGER, Kind.DECIMAL):
        return Decimal(typed[0])
    return typed if field.kind is Kind.CHOICES else typed[0]


def _typed(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    return _KINDS[field.kind](field, today)


def _number(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    bounds = field.possible or Range(Decimal(0), Decimal(100))
    low, high = bounds.low or Decimal(0), bounds.high or Decimal(1000)
    if field.kind is Kind.INTEGER:
        return st.integers(int(low), int(high)).map(lambda number: (str(number),))
    return st.decimals(low, high, places=1).map(lambda number: (str(number),))


def _date(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    span = field.possible_days or Span(None, today)
    first, last = span.first or today - timedelta(400), span.last or today
    days = st.dates(first, last)
    if field.partial:
        months = days.map(lambda day: (day.isoformat()[:7],))
        return days.map(lambda day: (day.isoformat(),)) | months
    return days.map(lambda day: (day.isoformat(),))


def _choice(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([(choice.value,) for choice in field.offered])


def _choices(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    together = [choice.value for choice in field.choices if not choice.alone]
    alone = [(choice.value,) for choice in field.choices if choice.alone]
    some = st.lists(st.sampled_from(together), min_size=1, unique=True).map(tuple)
    return some | st.sampled_from(alone) if alone else some


def _time(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    return st.times().map(lambda time: (time.strftime("%H:%M"),))


def _text(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    return LETTERS.map(lambda word: (word,))


def _listed(field: Field, today: date) -> st.SearchStrategy[tuple[str, ...]]:
    known = {"problems": catalogue, "medicines": formulary, "substances": substances}.get(field.listed)
    own = _text(field, today)
    return own | st.sampled_from(known.suggestions()).map(lambda said: (said,)) if known is not None else own


_KINDS: Mapping[Kind, Callable[[Field, date], st.SearchStrategy[tuple[str, ...]]]] = {
    Kind.INTEGER: _number,
    Kind.DECIMAL: _number,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.CHOICE: _choice,
    Kind.KNOWN: _choice,
    Kind.CHOICES: _choices,
    Kind.TEXT: _text,
    Kind.LONG: _text,
    Kind.LISTED: _listed,
}
