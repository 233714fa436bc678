"""A batch of resources going into the store within one write transaction, set-based.

`load` the names at hand with one query, `put` new states, `flush` once: rows, history, search rows as a difference, the
patients' text, scope digests and open conflicts. Whatever writes a resource (a person, an import, an exchange) does it here.
"""

from collections.abc import Iterable
from functools import cache
from itertools import chain
from operator import itemgetter

import msgspec

from edge_node.fhir.search_sql import TYPE_SLOT
from edge_node.store import digests, due, following, indexing, recent, rows, vocabulary
from edge_node.store.connection import Connection
from edge_node.store.indexing import NOTHING, Derived, Entry
from edge_node.store.model import CONFLICT, GONE
from edge_node.store.pen import Pen
from edge_node.store.schema import HOME_SCOPE
from sync_protocol import digest, pack, policy
from sync_protocol.resource import Resource, disagreements, gone

NAMES_A_QUERY = 400

_SLOT_VALUE_KEY = itemgetter(0, 1, 2)

Name = tuple[str, str]
"""Type and id."""


class Row(msgspec.Struct):
    """A row of `resource` while a batch works on it."""

    key: int
    type: str
    id: str
    scope: int | None = None
    updated: int = 0
    hash: bytes | None = None
    state: bytes | None = None
    flags: int = 0
    resource: Resource | None = None
    fresh: bool = False
    """Not in the database yet."""
    before: "tuple[bytes | None, int | None, int] | None" = None
    """Hash, scope and flags in the database, once something was put."""
    was: Derived = NOTHING
    """What the database has derived of it, once something was put."""
    derived: Derived = NOTHING
    """What is to be derived of it, once something was put."""
    base: Resource | None = None
    """Its registers in the database, while `was` and `derived` are told only where they differ."""

    @property
    def here(self) -> bool:
        """Whether it is a resource (deleted ones too), not a mere target of references."""
        return self.state is not None

    @property
    def name(self) -> Name:
        return (self.type, self.id)

    @property
    def version(self) -> str | None:
        """The present version's id."""
        return pack.version_of(self.hash) if self.hash is not None else None


class Batch:
    """Rows being read and written in one transaction of `connection`."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self.now_ms = now_ms
        self.conflicts_opened = 0
        self._rows: dict[Name, Row | None] = {}  # None: looked for, and not here
        self._types: dict[str, int] = {}
        self._dirty: dict[int, Row] = {}
        self._history: list[tuple[int, int, int, bytes, bytes]] = []
        self._next_key = 0

    # --- reading ---

    def load(self, names: Iterable[Name]) -> None:
        """Reads the present rows of these names, those not read yet."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._rows]
        for start in range(0, len(wanted), NAMES_A_QUERY):
            self._load_some(wanted[start : start + NAMES_A_QUERY])

    def _load_some(self, names: list[Name]) -> None:
        types: dict[int, str] = {}
        values: list[int | str] = []
        for name in names:
            number = self._type(name[0])
            types[number] = name[0]
            values += (number, name[1])
            self._rows[name] = None
        for key, type_, id_, scope, updated, hash_, state, flags in self.connection.execute(_named(len(names)), values):
            name = (types[type_], id_)
            self._rows[name] = Row(key, *name, scope, updated, hash_, state, flags)

    def row(self, name: Name) -> Row | None:
        """The row of a name, present or about to be; None when there is none."""
        if name not in self._rows:
            self._load_some([name])
        return self._rows[name]

    def resource(self, row: Row) -> Resource:
        """The registers of a row; empty for a mere target of references."""
        if row.resource is None:
            state = row.state
            row.resource = (
                rows.resource_of(row.type, row.id, state) if state is not None else Resource(row.type, row.id)
            )
        return row.resource

    def version(self, row: Row, version: str) -> Resource | None:
        """The registers of one of a resource's versions, None when it never was here."""
        if version == row.version:
            return self.resource(row)
        for key, _, _, hash_, state in reversed(self._history):
            if key == row.key and pack.version_of(hash_) == version:
                return rows.resource_of(row.type, row.id, state)
        earlier = rows.version_state(self.connection, row.key, version)
        return rows.resource_of(row.type, row.id, earlier) if earlier is not None else None

    def _type(self, name: str) -> int:
        number = self._types.get(name)
        if number is None:
            number = self._types[name] = rows.make_type(self.connection, name)
        return number

    def _new(self, name: Name) -> Row:
        if not self._next_key:
            self._next_key = self.connection.execute("SELECT coalesce(max(key), 0) + 1 FROM resource").fetchone()[0]
        row = self._rows[name] = Row(self._next_key, *name, fresh=True)
        self._next_key += 1
        return row

    # --- putting ---

    def put(
        self, new: Resource, scope: int, *, derived: Derived | None = None, plain: bool = False
    ) -> tuple[Row, bool]:
        """A resource's new state, and whether it differs from the present one.

        `derived` when the caller has it already; `plain`: surely without conflict or deletion. A row keeps its scope;
        `scope` is that of a new one. Raises MalformedData, before anything is changed, when the values make no resource.
        """
        state = pack.pack(new)
        hash_ = pack.hash_of(new.type, new.id, state)
        name = (new.type, new.id)
        row = self.row(name)
        if row is not None and row.hash == hash_:
            return row, False
        flags = 0
        if not plain:
            flags = GONE if gone(new) else CONFLICT if _reviewed(new) else 0
        was = None
        if derived is None:
            if flags & GONE:
                derived = NOTHING
            elif row is not None and row.before is None and row.here and not row.flags & GONE:
                was, derived = indexing.derive_change(self.resource(row), new)
            else:
                derived = indexing.derive(rows.shown_of(new))
        row = row if row is not None else self._new(name)
        self._remember(row, was)
        row.scope = row.scope if row.scope is not None else scope
        row.updated, row.hash, row.state, row.flags = self.now_ms, hash_, rows.squeeze(state), flags
        row.resource, row.derived = new, derived
        return row, True

    def evict(self, row: Row) -> None:
        """Takes a resource out of this node: its row stays as a target of references, its history goes."""
        self._remember(row)
        self.connection.execute("DELETE FROM history WHERE key = ?", (row.key,))
        due.forget(self.connection, row.key)
        self._history = [entry for entry in self._history if entry[0] != row.key]
        row.scope, row.hash, row.state, row.flags = None, None, None, 0
        row.resource, row.derived = None, NOTHING

    def _remember(self, row: Row, was: Derived | None = None) -> None:
        """Keeps what the database has of a row before it is changed; its present version goes into the history.

        `was`: what is derived of it where it changes, when the caller knows that. A row that changes again is looked at
        as a whole.
        """
        if row.before is None:
            if was is not None:
                row.was, row.base = was, self.resource(row)
            elif row.state is not None and not row.flags & GONE:
                row.was = indexing.derive(rows.shown_of(self.resource(row)))
            row.before = (row.hash, row.scope, row.flags)
            self._dirty[row.key] = row
        elif row.base is not None:
            row.was, row.base = indexing.derive(rows.shown_of(row.base)), None
        if row.state is not None and row.hash is not None:
            self._history.append((row.key, row.key, row.updated, row.hash, row.state))

    # --- writing down ---

    def flush(self, pen: Pen | None = None) -> None:
        """Writes everything that was put, and what was stamped. The transaction is the caller's to commit."""
        added, removed = self._search_changes()
        self._write_rows()
        self._write_history()
        recent.write(self.connection, added, removed)
        self._write_patient_text()
        self._write_conflicts()
        self._write_digests(pen)
        if self._dirty:
            following.went_back(self.connection, self.now_ms)
        for row in self._dirty.values():
            row.before, row.was, row.derived, row.base = None, NOTHING, NOTHING, None
        self._dirty.clear()

    def _search_changes(self) -> tuple[list[Entry], list[Entry]]:
        changes = [(row.key, row.was.rows, row.derived.rows) for row in self._dirty.values()]
        keys = self._target_keys(indexing.targets(entry for _, old, new in changes for entry in chain(old, new)))
        added: list[Entry] = []
        removed: list[Entry] = []
        for key, old, new in changes:
            if not old:
                added += indexing.keyed(new, key, keys)
            else:
                before, after = set(indexing.keyed(old, key, keys)), set(indexing.keyed(new, key, keys))
                added += after - before
                removed += before - after
        for row in self._dirty.values():
            hash_, _, flags = row.before or (None, None, 0)
            was, is_ = hash_ is not None and not flags & GONE, row.hash is not None and not row.flags & GONE
            if was != is_:
                (added if is_ else removed).append((TYPE_SLOT, self._type(row.type), row.key, 0))
        return _in_index_order(added), removed

    def _target_keys(self, texts: Iterable[str]) -> dict[str, int]:
        """Text → key of all local references. Targets that never were here get a row of their own."""
        names = {text: name for text in texts if (name := indexing.local_name(text)) is not None}
        self.load(names.values())
        return {text: (self._rows[name] or self._target(name)).key for text, name in names.items()}

    def _target(self, name: Name) -> Row:
        row = self._new(name)
        row.before = (None, None, 0)
        self._dirty[row.key] = row
        return row

    def _write_rows(self) -> None:
        fresh = [row for row in self._dirty.values() if row.fresh]
        known = [row for row in self._dirty.values() if not row.fresh]
        self.connection.executemany(
            "INSERT INTO resource (key, type, id, scope, updated, hash, state, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(r.key, self._type(r.type), r.id, r.scope, r.updated, r.hash, r.state, r.flags) for r in fresh],
        )
        self.connection.executemany(
            "UPDATE resource SET scope = ?, updated = ?, hash = ?, state = ?, flags = ? WHERE key = ?",
            [(r.scope, r.updated, r.hash, r.state, r.flags, r.key) for r in known],
        )
        for row in fresh:
            row.fresh = False

    def _write_history(self) -> None:
        if self._history:
            self.connection.executemany(
                "INSERT INTO history (key, number, updated, hash, state)"
                " SELECT ?, 1 + coalesce((SELECT max(number) FROM history WHERE key = ?), 0), ?, ?, ?",
                self._history,
            )
            self._history.clear()

    def _write_patient_text(self) -> None:
        changed = [(r.key, r.was.text, r.derived.text) for r in self._dirty.values() if r.was.text != r.derived.text]
        if changed:
            vocabulary.write_texts(self.connection, changed)

    def _write_conflicts(self) -> None:
        for row in self._dirty.values():
            before = row.before[2] if row.before is not None else 0
            if not (before | row.flags) & CONFLICT:
                continue
            held = {e for (e,) in self.connection.execute("SELECT element FROM conflict WHERE key = ?", (row.key,))}
            wanted = set(_reviewed(self.resource(row))) if row.flags & CONFLICT else set()
            delete = [(row.key, element) for element in held - wanted]
            self.connection.executemany("DELETE FROM conflict WHERE key = ? AND element = ?", delete)
            insert = [(row.key, element, self.now_ms) for element in sorted(wanted - held)]
            self.connection.executemany("INSERT INTO conflict (key, element, since) VALUES (?, ?, ?)", insert)
            self.conflicts_opened += len(insert)

    def _write_digests(self, pen: Pen | None) -> None:
        change: dict[int, int] = {}
        for row in self._dirty.values():
            old_hash, old_scope, _ = row.before or (None, None, 0)
            if old_scope is not None and old_hash is not None:
                change[old_scope] = digest.add(change.get(old_scope, 0), old=old_hash)
            if row.scope is not None and row.hash is not None:
                change[row.scope] = digest.add(change.get(row.scope, 0), new=row.hash)
        if pen is not None:
            pen.close(change.pop(HOME_SCOPE, 0))
        for scope, difference in change.items():
            digests.shift(self.connection, scope, difference)


@cache
def _named(names: int) -> str:
    """The query for the rows of so many names."""
    return (
        f"WITH wanted (type, id) AS (VALUES {','.join(['(?,?)'] * names)})"
        " SELECT key, type, id, scope, updated, hash, state, flags FROM wanted CROSS JOIN resource USING (type, id)"
    )


def _reviewed(resource: Resource) -> list[str]:
    """Elements whose disagreement waits for a person."""
    return [c.element for c in disagreements(resource) if policy.needs_review(resource.type, c.element)]


def _in_index_order(entries: list[Entry]) -> list[Entry]:
    """Sorted as the index is, numbers before texts: pages are then filled one after the other."""
    try:
        return sorted(entries)
    except TypeError:  # numbers and texts in one slot
        numbers = [entry for entry in entries if not isinstance(entry[1], str)]
        texts = [entry for entry in entries if isinstance(entry[1], str)]
        return sorted(numbers, key=_SLOT_VALUE_KEY) + sorted(texts, key=_SLOT_VALUE_KEY)
