"""What changed in a patient's record since the reader last opened it, from the audit: who comes back after a week reads that first."""

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_node.pages import codes, dates, records, words
from edge_node.pages.disputes import who_said
from edge_node.pages.words import Naming
from edge_node.store import trail
from edge_node.store.model import Stored
from edge_node.store.store import Store

SHOWN_MAX: Final = 5
VISIT_MS: Final = 30 * 60 * 1000
"""Readings that follow each other within this are one: who goes from her page to a form and back has not come again."""


class Change(msgspec.Struct, frozen=True):
    """A record that is new or was changed. `kind`: what sort of record; `what`: its name and value; `author`: who wrote it last."""

    kind: str
    what: str
    author: str
    when: str
    new: bool
    type: str
    id: str


class Since(msgspec.Struct, frozen=True):
    """Since when, and what changed, the latest first; `more`: how many further ones."""

    when: str
    changes: tuple[Change, ...]
    more: int


def since(store: Store, user: str, everything: Sequence[Stored], naming: Naming, now_ms: int) -> Since | None:
    """What changed for one reader; None for who opens this record for the first time. What was deleted is not told: it is not there."""
    with store.reading() as connection:
        last = trail.last_opened(connection, everything[0].key, user, now_ms, VISIT_MS)
    if last is None:
        return None
    changed = sorted((one for one in everything if one.updated_ms > last), key=lambda one: one.updated_ms, reverse=True)
    told = tuple(_change(store, one, naming, now_ms) for one in changed[:SHOWN_MAX])
    return Since(dates.moment(last, now_ms), told, len(changed) - len(told))


def _change(store: Store, one: Stored, naming: Naming, now_ms: int) -> Change:
    (version,) = store.history(one.type, one.id, count=1)
    line = records.line(one.type, words.decode(one.body or b"{}"), naming) if one.type != "Patient" else None
    kind = codes.kind(one.type)
    return Change(
        kind[:1].upper() + kind[1:],
        words.joined([line.what, line.value], " ") if line is not None else "",
        who_said(version.user, version.role),
        dates.moment(one.updated_ms, now_ms),
        version.number == 1,
        one.type,
        one.id,
    )
