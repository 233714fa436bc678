"""Numbers, times and states in words. Pure: the time is an argument."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from hub.console.blocks import Cell, Tone

HEALTH_WORDS: Final = (
    "well",
    "much is waiting there",
    "not seen for a day",
    "clock is wrong",
    "disk nearly full",
    "holds other records than the hub",
    "not seen for a week",
)
"""By `hub.store.overview.HEALTH`."""
HEALTH_TONES: Final[tuple[Tone, ...]] = ("good", "warn", "warn", "warn", "bad", "bad", "bad")
STATE_WORDS: Final = {
    "active": "works",
    "revoked": "revoked",
    "wipe": "to be wiped, has not called yet",
    "wiped": "has erased itself",
}
ROLE_WORDS: Final = {"clinic": "clinic", "pop": "point of presence"}
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int | None) -> Cell:
    """A count, with signs between thousands; a line where it is not known."""
    return Cell("–", plain="", tone="quiet") if value is None else Cell(f"{value:,}", plain=str(value))


def share(part: int, whole: int) -> Cell:
    """A part of a whole in percent; nothing of nothing."""
    if not whole:
        return Cell("–", tone="quiet")
    percent = 100 * part / whole
    return Cell(f"{percent:.0f} %", plain=f"{percent:.1f}")


def ago(at: datetime | None, now: datetime, never: str = "never") -> Cell:
    """How long ago something was."""
    if at is None:
        return Cell(never, tone="quiet")
    return Cell(span(now - at) + " ago" if now - at >= timedelta(seconds=60) else "just now", at=at)


def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def moment(at: datetime) -> Cell:
    """A time, in UTC."""
    return Cell(f"{at.astimezone(UTC):%d} {MONTHS[at.astimezone(UTC).month - 1]} {at.astimezone(UTC):%Y, %H:%M}", at=at)


def day(on: date) -> str:
    """A day, short."""
    return f"{on.day} {MONTHS[on.month - 1]}"


def month(on: date) -> str:
    """A month."""
    return f"{MONTHS[on.month - 1]} {on.year}"


def months_before(on: date, count: int) -> list[date]:
    """The first days of the last months, the earliest first, that of `on` last."""
    found = []
    for back in range(count - 1, -1, -1):
        at = on.year * 12 + on.month - 1 - back
        found.append(date(at // 12, at % 12 + 1, 1))
    return found


def health(value: int | None) -> Cell:
    """How a node is."""
    if value is None or value < 0:
        return Cell("–", tone="quiet")
    return Cell(HEALTH_WORDS[value], tone=HEALTH_TONES[value])


def offset(ms: int | None) -> Cell:
    """By how much a clock is wrong: the node's is so much behind or ahead of the hub's."""
    if ms is None:
        return Cell("–", tone="quiet")
    if abs(ms) < 2_000:
        return Cell("right", plain=str(ms))
    way = "slow" if ms > 0 else "fast"
    return Cell(
        f"{span(timedelta(milliseconds=abs(ms)))} {way}", plain=str(ms), tone="warn" if abs(ms) > 300_000 else ""
    )


def disk(percent: int | None) -> Cell:
    """How much of a disk is free."""
    if percent is None:
        return Cell("–", tone="quiet")
    return Cell(f"{percent} % free", plain=str(percent), tone="bad" if percent < 10 else "")


def agreed(value: bool | None) -> Cell:
    """Whether a node holds the same records as the hub."""
    return {
        None: Cell("not compared yet", tone="quiet"),
        True: Cell("the same", tone="good"),
        False: Cell("not the same", tone="bad"),
    }[value]
