"""What a browser sent, as answers; or what has to be asked once more.

What is impossible is refused beside its field. What is implausible is asked once more with a box to tick, and the tick counts for just
that value: who corrects 210 to 120 and slips to 1200 is asked again.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from edge_node.forms import pictures
from edge_node.forms.answers import Answers, Dated, Person, Upload, Value
from edge_node.forms.fields import AnyOf, Condition, Field, Form, Kind
from edge_node.forms.reading import NOBODY, READERS, Amount, Impossible, Sent
from edge_node.language import N_, Text

CONFIRM = "confirm."
"""Before a field's name: the box that says that an implausible value is right."""
WHO = ".who"
"""Behind the name of a field for a person: which of those found it is, or `NOBODY` of them."""
__all__ = ["CONFIRM", "NOBODY", "WHO", "Doubt", "Found", "Problem", "Questions", "holds", "named", "parse"]


class Problem(Struct, frozen=True):
    """An answer that cannot be. `field` is where it is said."""

    field: str
    text: Text


class Doubt(Struct, frozen=True):
    """An answer that may be right, but is asked once more. `about` is what the tick will count for: the value as text."""

    field: str
    text: Text
    about: str


class Found(Struct, frozen=True):
    """A patient who may be the one that was named. `about`: what tells her from others, in words."""

    id: str
    name: str
    about: str


class Questions(Struct, frozen=True):
    """The form is not done yet: what is wrong, what is asked once more, and who may have been meant, by field."""

    problems: tuple[Problem, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    people: Mapping[str, tuple[Found, ...]] = {}

    def of(self, field: str) -> list[Text]:
        """What is wrong with one field."""
        return [problem.text for problem in self.problems if problem.field == field]

    def doubts_of(self, field: str) -> list[Doubt]:
        """What is asked once more about one field."""
        return [doubt for doubt in self.doubts if doubt.field == field]


def parse(
    form: Form,
    sent: Sent,
    today: date,
    files: Mapping[str, Upload] | None = None,
    found: Mapping[str, Sequence[Found]] | None = None,
) -> Answers | Questions:
    """A form's answers, or what has to be asked.

    `sent`: all values by name, as the browser sent them. `found`: for each field of a person who was named and not chosen yet, the patients
    who may be meant (`named` says which fields those are).
    """
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    doubts: list[Doubt] = []
    people: dict[str, tuple[Found, ...]] = {}
    for field, conditions in form.asked():
        if not all(holds(one, values) for one in conditions):
            continue
        try:
            value = _read(field, sent, today, files or {})
        except Impossible as impossible:
            problems.append(Problem(field.name, impossible.text))
            continue
        if value is None:
            if field.required:
                problems.append(Problem(field.name, _needed(field)))
            continue
        if isinstance(value, Person) and value.id is None and _is_open(field, sent) and (found or {}).get(field.name):
            people[field.name] = tuple((found or {})[field.name])
        values[field.name] = value
        doubts += _doubts(field, value)
    answers = Answers(values)
    if not problems:
        for one in (one for check in form.checks for one in check(answers)):
            (problems if isinstance(one, Problem) else doubts).append(one)  # type: ignore[arg-type]
    doubts = [doubt for doubt in doubts if doubt.about not in sent.get(CONFIRM + doubt.field, ())]
    if problems or doubts or people:
        return Questions(tuple(problems), tuple(doubts), people)
    return answers


def named(form: Form, sent: Sent) -> dict[str, str]:
    """The fields of people that were typed and not chosen yet, with what was typed: to be looked for before `parse`."""
    fields = (field for field in form.fields() if field.kind is Kind.PERSON and _is_open(field, sent))
    return {field.name: typed for field in fields if (typed := " ".join(sent.get(field.name, ("",))[0].split()))}


def _is_open(field: Field, sent: Sent) -> bool:
    return not any(sent.get(field.name + WHO, ()))


def holds(condition: Condition, values: Mapping[str, Value]) -> bool:
    """Whether a condition holds of the answers so far."""
    if isinstance(condition, AnyOf):
        return any(holds(one, values) for one in condition.of)
    value = values.get(condition.field)
    if value is None:
        return False
    if condition.values:
        return not set(condition.values).isdisjoint(value if isinstance(value, tuple) else (str(value),))
    if condition.at_least is None and condition.at_most is None:
        return True
    if isinstance(value, str | tuple | Dated | Person | Upload):
        return False
    return (condition.at_least is None or value >= condition.at_least) and (
        condition.at_most is None or value <= condition.at_most
    )


def _read(field: Field, sent: Sent, today: date, files: Mapping[str, Upload]) -> Value | None:
    if field.kind in (Kind.PHOTO, Kind.FILE):
        file = files.get(field.name)
        if file is not None and len(file.content) > field.bytes_max:
            raise Impossible(N_("This file is too large: at most %(size)s MB.").of(size=field.bytes_max // 1024**2))
        return _file(field, file) if file is not None and file.content else None
    return READERS[field.kind](field, sent, today)


def _file(field: Field, file: Upload) -> Upload:
    """A file as it is kept: a photo bounded, and without what the camera wrote into it."""
    if field.kind is Kind.FILE:
        return file
    try:
        return Upload("photo.jpg", pictures.MEDIA_TYPE, pictures.kept(file.content))
    except pictures.NoPicture:
        raise Impossible(
            N_("This is no picture that can be read here. Take a photo, or choose another file.")
        ) from None


def _needed(field: Field) -> Text:
    if field.kind in (Kind.CHOICE, Kind.KNOWN):
        return N_("Choose one of these.")
    if field.kind is Kind.CHOICES:
        return N_("Choose at least one of these.")
    return N_("This is needed.")


def _doubts(field: Field, value: Value) -> list[Doubt]:
    """Whether a value by itself is asked once more."""
    if isinstance(value, Dated):
        days = field.plausible_days
        if days is not None and not days.meets(value.first, value.last):
            return [Doubt(field.name, N_("Is this date right?"), value.text)]
        return []
    if isinstance(value, str | tuple | Person | Upload) or field.plausible is None or field.plausible.holds(value):
        return []
    return [Doubt(field.name, N_("Is %(value)s right?").of(value=Amount(str(value), field.unit)), str(value))]
