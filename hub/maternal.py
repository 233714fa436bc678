"""What clinics say of pregnancies, and what follows of it for lists and charts: pure, without anybody's name.

A *statement* is what one resource says of one pregnancy; it names the pregnancy by the EpisodeOfCare, or by the Encounter at which it was
said, as the clinics' profile has it. A *course* is what all statements of one pregnancy say together. It holds days and no states: it
does not age, so it is worked out anew only when a statement changes.

The rules are the clinics': dating by the one accepted last, else by the best evidence; WHO's eight contacts of pregnancy (WHO ANC 2016,
recommendation E.7; a contact counts from a week before its day, is overdue a week after it, and is asked for no more when the next one is
overdue or came) and four contacts after birth (WHO postnatal care 2022, recommendation 43). A test compares courses with the clinics'.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from msgspec import Struct

from hub.clinical_codes import (
    CERTAINTIES,
    COMPONENTS,
    DANGER_SIGNS,
    DATING_SOURCES,
    EPISODES,
    NO_SIGN,
    OUTCOMES,
    STATEMENTS,
    VISITS,
)

ASKED: Final = {
    "EpisodeOfCare": ("type",),
    "Encounter": ("type", "reasonCode", "episodeOfCare"),
    "Observation": ("code",),
}
"""Types that say something of pregnancies → the elements that tell whether a resource does."""
EPISODE_LINK: Final = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
VOID: Final = frozenset({"entered-in-error", "cancelled", "not-done", "refuted", "draft"})
"""States in which a resource says nothing."""
_NOT_HELD: Final = VOID | {"planned", "booked", "noshow"}
YEARS: Final = range(1850, 2200)
"""Years in which days are believed; others are typing errors."""

TERM: Final = timedelta(280)
AFTER_TERM: Final = timedelta(28)
WEEK: Final = timedelta(7)
AGE_DAYS_MAX: Final = 315
EARLY_SCAN_DAYS: Final = 168
CONTACT_WEEKS: Final = (12, 20, 26, 30, 34, 36, 38, 40)
AFTER_BIRTH: Final = ((0, 1), (2, 3), (5, 14), (28, 48))
"""(Day from which a visit counts for the contact, last day on which it is in time), from the day of birth on."""
AFTER_BIRTH_ENDS: Final = 84
_SEEN_SOON: Final = 2

BIRTHS: Final = frozenset({"live-birth", "stillbirth"})
OVER: Final = BIRTHS | {"miscarriage", "abortion", "ectopic", "not-pregnant", "mistake", "moved", "mother-died"}
ACCEPTED: Final = -1
_PREFERENCE: Final = {"stated": 3, "fundal-height": 4}

_TABLES: Final = {"EpisodeOfCare": EPISODES, "Encounter": VISITS, "Observation": STATEMENTS}
_MENTIONED: Final = {type_: frozenset(code.encode() for code in table.codes()) for type_, table in _TABLES.items()}


class Statement(Struct, frozen=True, kw_only=True):
    """What one resource says. `kind`: episode, contact, dating, outcome, danger. `code`: an episode's status, a kind of contact,
    of outcome, of danger sign; of an accepted dating its moment. `episode`, `visit`: references, "" where it names none.
    `until`: an episode's last day. `expected`: the day of birth that a dating expects, and `rank` how good it is, less is better."""

    kind: str
    code: str
    day: date | None
    episode: str = ""
    visit: str = ""
    until: date | None = None
    expected: date | None = None
    rank: int = 0
    more: tuple[str, ...] = ()
    """Further danger signs of the same resource."""


class Course(Struct, frozen=True):
    """A pregnancy. `began`: since when the clinic knows of it. `expected`, `born`: days. `over`: it goes on no more. `contacts`: antenatal
    ones, by days. `seen_soon`: she was seen again within two days of the birth. A contact is overdue from `overdue_from` to before
    `overdue_until`: of pregnancy, or, once `born`, of the weeks after."""

    began: date | None
    expected: date | None
    born: date | None
    over: bool
    contacts: int
    seen_soon: bool
    overdue_from: date | None
    overdue_until: date | None


def may_say(type_: str, asked: Iterable[bytes]) -> bool:
    """Whether a resource whose `ASKED` elements are these (JSON text) may be a statement: asked before anything of it is decoded, since
    most are none."""
    codes = _MENTIONED[type_]
    return any(not codes.isdisjoint(value.split(b'"')) or b"EpisodeOfCare/" in value for value in asked)


def statement(body: dict[str, Any]) -> Statement | None:
    """What a resource as it is shown says; None when it is nothing of this, or of a state in which it says nothing."""
    reader = {"EpisodeOfCare": _episode, "Encounter": _contact, "Observation": _observation}.get(
        str(body.get("resourceType"))
    )
    return reader(body) if reader is not None and body.get("status") not in VOID else None


def course(statements: Sequence[Statement]) -> Course | None:
    """What the statements of one pregnancy say together; None when there is no EpisodeOfCare among them, or it was a mistake."""
    episodes = [one for one in statements if one.kind == "episode"]
    outcomes = [one for one in statements if one.kind == "outcome"]
    if not episodes or any(one.code == "mistake" for one in outcomes):
        return None
    datings = [one for one in statements if one.kind == "dating" and one.expected is not None]
    expected = _expected(datings)
    births = [one.day for one in outcomes if one.code in BIRTHS and one.day is not None]
    born = max(births, default=None)
    visits = [one for one in statements if one.kind == "contact" and one.day is not None]
    before = sorted({one.day for one in visits if one.day and _antenatal(one) and (born is None or one.day <= born)})
    after = sorted({one.day for one in visits if one.day and _postnatal(one, born)})
    began = _began(episodes[0], visits, datings, expected)
    over = episodes[0].code == "finished" or any(one.code in OVER for one in outcomes)
    dead = any(one.code == "mother-died" for one in outcomes)
    soon = born is not None and any(0 <= (day - born).days <= _SEEN_SOON for day in after)
    overdue = _overdue(began, expected, born, over, dead, before, after)
    return Course(began, expected, born, over, len(before), soon, *overdue)


def signs(found: Statement) -> Iterator[str]:
    """The danger signs that a statement says, each as its own code."""
    yield from (found.code, *found.more)


# --- reading ------------------------------------------------------------------------------------------------------------


def _episode(body: dict[str, Any]) -> Statement | None:
    if not any(EPISODES.find(kind) for kind in _items(body.get("type"))):
        return None
    period = body.get("period") if isinstance(body.get("period"), dict) else {}
    assert isinstance(period, dict)
    own = f"EpisodeOfCare/{body.get('id', '')}"
    return Statement(
        kind="episode",
        code=str(body.get("status") or "active"),
        day=whole_day(period.get("start")),
        until=whole_day(period.get("end")),
        episode=own,
    )


def _contact(body: dict[str, Any]) -> Statement | None:
    kinds = [
        found.name
        for kind in [*_items(body.get("type")), *_items(body.get("reasonCode"))]
        if (found := VISITS.find(kind))
    ]
    episode = next(iter(_targets(_items(body.get("episodeOfCare")))), "")
    if body.get("status") in _NOT_HELD or not (kinds or (episode and not _items(body.get("type")))):
        return None
    period = body.get("period")
    day = whole_day(period.get("start")) if isinstance(period, dict) else None
    code = kinds[0] if kinds else "antenatal-contact"
    return Statement(kind="contact", code=code, day=day, episode=episode, visit=f"Encounter/{body.get('id', '')}")


def _observation(body: dict[str, Any]) -> Statement | None:
    about = STATEMENTS.find(body.get("code"))
    if about is None:
        return None
    day = whole_day(
        body.get("effectiveDateTime") or body.get("effectiveInstant") or _start(body.get("effectivePeriod"))
    )
    episode, visit = _link(body), _target(body.get("encounter"))
    if about.name in DANGER_SIGNS:
        table = DANGER_SIGNS[about.name]
        values = [body.get("valueCodeableConcept"), *(part.get("valueCodeableConcept") for part in _components(body))]
        found = list(dict.fromkeys(one.name for value in values if (one := table.find(value)) and one.name != NO_SIGN))
        coded = [f"{about.name}/{name}" for name in found]
        if not coded:
            return None
        return Statement(kind="danger", code=coded[0], day=day, more=tuple(coded[1:]), episode=episode, visit=visit)
    if about.name == "outcome":
        outcome = OUTCOMES.find(body.get("valueCodeableConcept"))
        if outcome is None or day is None:
            return None
        return Statement(kind="outcome", code=outcome.name, day=day, episode=episode, visit=visit)
    dated = _dated(about.name, body, day) if day is not None else None
    if dated is None:
        return None
    code, expected, rank = dated
    return Statement(kind="dating", code=code, day=day, expected=expected, rank=rank, episode=episode, visit=visit)


def _dated(name: str, body: dict[str, Any], day: date) -> tuple[str, date, int] | None:
    """(the moment of an acceptance, the expected day of birth, rank) of an Observation that dates a pregnancy."""
    told = whole_day(body.get("valueDateTime"))
    source = _component(body, "dating-source")
    kind = found.name if (found := DATING_SOURCES.find(source)) else ""
    if name == "accepted-dating":
        return (str(body.get("effectiveDateTime", "")), told, ACCEPTED) if told else None
    if name == "lmp":
        return _by_period(body, day)
    if name in ("gestational-age", "age-by-ultrasound", "age-by-lmp"):
        age = _days(body.get("valueQuantity"))
        if age is None or not 0 <= age <= AGE_DAYS_MAX:
            return None
        kind = kind or {"age-by-ultrasound": "ultrasound", "age-by-lmp": "lmp"}.get(name, "stated")
        return "", day + TERM - timedelta(age), _rank("stated" if kind == "lmp" else kind, age)
    if told is None:
        return None
    kind = kind or {"expected-birth-by-ultrasound": "ultrasound", "expected-birth-by-lmp": "lmp"}.get(name, "stated")
    age = TERM.days - (told - day).days
    return "", told, _rank(kind, age if 0 <= age <= AGE_DAYS_MAX else None)


def _by_period(body: dict[str, Any], day: date) -> tuple[str, date, int] | None:
    text = body.get("valueDateTime")
    exact = whole_day(text)
    first = exact or (whole_day(f"{text}-15") if isinstance(text, str) and len(text) == 7 else None)
    if first is None or first > day:
        return None
    sure = CERTAINTIES.find(_component(body, "lmp-certainty"))
    certain = exact is not None and (sure is None or sure.name == "certain")
    return "", first + TERM, 1000 if certain else 5000


def _rank(kind: str, age: int | None) -> int:
    """A scan before 24 weeks, a sure last period, a later scan, a stated day, the height of the womb; of scans the earliest."""
    if kind == "ultrasound":
        return (0 if age is not None and age < EARLY_SCAN_DAYS else 2000) + (age or 0)
    return 1000 if kind == "lmp" else 1000 * _PREFERENCE.get(kind, 6)


# --- what follows ---------------------------------------------------------------------------------------------------------


def _expected(datings: Sequence[Statement]) -> date | None:
    accepted = [one for one in datings if one.rank == ACCEPTED]
    if accepted:
        return max(accepted, key=lambda one: (one.day or date.min, one.code)).expected
    best = min(datings, key=lambda one: (one.rank, -(one.day or date.min).toordinal()), default=None)
    return best.expected if best is not None else None


def _began(
    episode: Statement, visits: Sequence[Statement], datings: Sequence[Statement], expected: date | None
) -> date | None:
    told = [one.day for one in (*visits, *datings) if one.day is not None]
    known = episode.day or min(told, default=None)
    return max(known, expected - TERM) if known is not None and expected is not None else known


def _antenatal(visit: Statement) -> bool:
    return visit.code == "antenatal-contact"


def _postnatal(visit: Statement, born: date | None) -> bool:
    if born is None or visit.day is None:
        return False
    return visit.day >= born and (visit.code == "postnatal-contact" or (_antenatal(visit) and visit.day > born))


def _overdue(
    began: date | None,
    expected: date | None,
    born: date | None,
    over: bool,
    dead: bool,
    before: Sequence[date],
    after: Sequence[date],
) -> tuple[date | None, date | None]:
    """From which day to before which day a contact is overdue: one after the other is, without a gap, until she comes."""
    if dead or (born is None and over):
        return None, None
    if born is not None:
        return _overdue_after(born, after)
    if expected is None:
        if began is None:
            return None, None
        return (before[-1] + 5 * WEEK if before else began + WEEK), began + TERM + AFTER_TERM
    days = [expected - TERM + timedelta(weeks=week) for week in CONTACT_WEEKS]
    held = sum(day - WEEK <= before[-1] for day in days[1:]) if before else -1
    if held + 1 >= len(days):
        return None, None
    first = days[0] + timedelta(1) if held < 0 else days[held + 1] + WEEK
    return first, expected + AFTER_TERM


def _overdue_after(born: date, after: Sequence[date]) -> tuple[date | None, date | None]:
    seen = [(day - born).days for day in after if (day - born).days < AFTER_BIRTH_ENDS]
    held = sum(counts_from <= seen[-1] for counts_from, _ in AFTER_BIRTH) - 1 if seen else -1
    if held + 1 >= len(AFTER_BIRTH):
        return None, None
    return born + timedelta(AFTER_BIRTH[held + 1][1] + 1), born + timedelta(AFTER_BIRTH_ENDS)


# --- FHIR's small pieces ----------------------------------------------------------------------------------------------------


def whole_day(text: object) -> date | None:
    """The calendar day of a FHIR date or dateTime as written; None where it is less precise, or in a year that is not believed."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _target(reference: object) -> str:
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return ""
    return "/".join(text.partition("/_history")[0].rstrip("/").split("/")[-2:])


def _targets(references: Iterable[object]) -> Iterator[str]:
    return (found for found in map(_target, references) if found)


def _link(body: dict[str, Any]) -> str:
    named = (one for one in _items(body.get("extension")) if isinstance(one, dict) and one.get("url") == EPISODE_LINK)
    return next(_targets(one.get("valueReference") for one in named), "")


def _start(period: object) -> object:
    return period.get("start") if isinstance(period, dict) else None


def _components(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in _items(body.get("component")) if isinstance(part, dict)]


def _component(body: dict[str, Any], name: str) -> object:
    """The coded value of the component with this name."""
    for part in _components(body):
        found = COMPONENTS.find(part.get("code"))
        if found is not None and found.name == name:
            return part.get("valueCodeableConcept")
    return None


def _days(quantity: object) -> int | None:
    """A Quantity in days or weeks as whole days."""
    if not isinstance(quantity, dict) or quantity.get("comparator"):
        return None
    value, unit = quantity.get("value"), quantity.get("code") or quantity.get("unit")
    factor = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}.get(str(unit).casefold())
    if factor is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value * factor)
