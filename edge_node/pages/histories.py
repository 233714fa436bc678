"""The history of a record in words: each element with all that was ever written into it, latest first."""

from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from edge_node.language import N_, Text, _
from edge_node.pages import codes, dates, words
from edge_node.pages.disputes import place_said, said_of, who_said
from edge_node.pages.elements import label, nobody
from edge_node.pages.words import Naming, joined
from edge_node.store.lineage import BESIDE, REPLACED, SHOWN, Entry, Lineage
from sync_protocol.resource import DELETION

_NOT_TOLD = ("meta", "text", "docStatus")
"""Elements that nobody writes by hand: the record's own marks, the narrative that programs make of it, and that a note is not a draft."""


class Step(msgspec.Struct, frozen=True):
    """One value that somebody wrote. `fate`: `shown`, `beside`, `replaced`; `fate_said` in words; `instead_of`: what it replaced."""

    said: str
    who: str
    when: str
    where: str
    came: str
    fate: str
    fate_said: str
    instead_of: str
    doubt: str
    gap: bool


class Element(msgspec.Struct, frozen=True):
    """An element and its steps, latest first. `changed`: whether there is more than the first writing."""

    title: str
    steps: tuple[Step, ...]

    @property
    def changed(self) -> bool:
        """Whether it was ever written again."""
        return len(self.steps) > 1


_FATES: dict[str, Text] = {
    SHOWN: N_("This is what is shown now."),
    BESIDE: N_("Stands beside what is shown: written without having seen it, and not settled."),
}


def elements(
    type_: str,
    lineages: Sequence[Lineage],
    now_ms: int,
    *,
    naming: Naming = nobody,
    zone: tzinfo | None = None,
) -> list[Element]:
    """The elements of a record, what changed last first; those that were written once come after all that changed."""
    told = [
        Element(_title(one.element), tuple(_steps(type_, one, now_ms, naming, zone)))
        for one in lineages
        if one.element not in _NOT_TOLD and not one.element.endswith("|")
    ]
    return sorted(told, key=lambda element: not element.changed)


def _title(element: str) -> str:
    said = _("kept or deleted") if element == DELETION else label(element)
    return said[:1].upper() + said[1:]


def _steps(type_: str, one: Lineage, now_ms: int, naming: Naming, zone: tzinfo | None) -> list[Step]:
    said = [said_of(type_, one.element, entry.value, naming) for entry in one.entries]
    steps = [_step(entry, said, one.entries, number, now_ms, zone) for number, entry in enumerate(one.entries)]
    return steps[::-1]


def _step(
    entry: Entry, said: Sequence[str], entries: Sequence[Entry], number: int, now_ms: int, zone: tzinfo | None
) -> Step:
    stamp = entry.stamp
    doubt = dates.clock_doubt(stamp.ts - stamp.device_ts)
    late = abs(entry.stored_ms - stamp.ts) > _LATE_MS and not entry.here
    return Step(
        said[number],
        who_said(stamp.user, stamp.role),
        dates.moment(stamp.ts, now_ms, zone),
        place_said(entry.here),
        dates.moment(entry.stored_ms, now_ms, zone) if late else "",
        entry.fate,
        _replaced_by(entry, said, entries) if entry.fate == REPLACED else str(_FATES[entry.fate]),
        joined(dict.fromkeys(said[place] for place in entry.replaced), "; "),
        _("that device's clock was %(wrong)s", wrong=doubt) if doubt else "",
        entry.gap,
    )


def _replaced_by(entry: Entry, said: Sequence[str], entries: Sequence[Entry]) -> str:
    winners = joined(dict.fromkeys(said[place] for place in entry.by), "; ")
    people = joined(dict.fromkeys(entries[place].stamp.user for place in entry.by), "; ")
    return _("Replaced by %(who)s: %(value)s", who=people, value=winners)


_LATE_MS = 60_000
"""What another place wrote and what came here within a minute came at once."""


def title(type_: str, resource: words.Object, what: str) -> str:
    """What the record is called above its history."""
    if type_ == "Patient":
        return _("Personal details")
    kind = codes.kind(type_)
    return f"{kind[:1].upper()}{kind[1:]}: {what}" if what else kind[:1].upper() + kind[1:]
