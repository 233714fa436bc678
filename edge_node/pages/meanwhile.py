"""What colleagues changed while somebody filled in a form: told when it is saved, with both values where they differ."""

from collections.abc import Sequence

from msgspec import Struct

from edge_node.language import _
from edge_node.pages.disputes import value_said
from edge_node.pages.elements import label
from edge_node.store.model import Write
from edge_node.store.store import Store
from sync_protocol.resource import DELETION

_TOLD_MAX = 5


class Changed(Struct, frozen=True):
    """What was changed meanwhile. `both`: elements with all the values that now stand beside each other, in words."""

    other: bool = False
    both: tuple[str, ...] = ()


def moved(store: Store, writes: Sequence[Write]) -> list[Write]:
    """Those writes whose resource is not any more what was on the screen. Asked before they are written."""
    return [write for write in writes if write.seen is not None and _present(store, write) != write.seen]


def _present(store: Store, write: Write) -> str | None:
    stored = store.read(write.type, write.id or "")
    return stored.version if stored is not None else None


def changed(store: Store, writes: Sequence[Write]) -> Changed:
    """What stands beside each other after these were written."""
    both = [
        f"{label(one.name)}: " + " / ".join(value_said(one.type, one.element, value) for value in one.values)
        for write in writes
        for one in store.disagreements(write.type, write.id or "")
        if one.element != DELETION
    ]
    return Changed(bool(writes), tuple(both[:_TOLD_MAX]))


def news(what: Changed, saved: str) -> tuple[str, str]:
    """Tone and words."""
    if what.both:
        told = _(
            "Saved. But a colleague changed the same meanwhile. Both are kept until somebody chooses: %(both)s.",
            both="; ".join(what.both),
        )
        return "bad", told
    if what.other:
        return "good", f"{saved} " + _("A colleague changed something else in it meanwhile; both are kept.")
    return "good", saved
