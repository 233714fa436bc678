"""A batch of resources going into the store within one write transaction, set-based.

`load` the names at hand with one query, `put` new states, `flush` once: rows, history, search rows as a difference, the
patients' text, scope digests and open conflicts. Whatever writes a resource (a person, an import, an exchange) does it here.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from edge_node.fhir.validation import accepts
from edge_node.store import indexing, rows
from edge_node.store.connection import Connection
from edge_node.store.indexing import PatientText, SearchRow
from edge_node.store.model import CONFLICT, GONE, ODD
from sync_protocol import digest, pack, policy
from sync_protocol.resource import Resource, disagreements, gone

NAMES_A_QUERY = 400

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
    indexed: list[SearchRow] | None = None
    """Search rows in the database, once something was put."""
    text: PatientText | None = None
    """The patient's text in the database, once something was put."""
    shown: dict[str, Any] | None = None
    """What is shown, decoded, once something was put; None when gone."""

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
        self._rows: dict[Name, Row] = {}
        self._absent: set[Name] = set()
        self._types: dict[str, int] = {}
        self._dirty: dict[int, Row] = {}
        self._history: list[tuple[int, int, int, bytes, bytes]] = []
        self._next_key = 0

    # --- reading ---

    def load(self, names: Iterable[Name]) -> None:
        """Reads the present rows of these names, those not read yet."""
        wanted = list({name for name in names if name not in self._rows and name not in self._absent})
        for start in range(0, len(wanted), NAMES_A_QUERY):
            self._load_some(wanted[start : start + NAMES_A_QUERY])
        self._absent.update(name for name in wanted if name not in self._rows)

    def _load_some(self, names: list[Name]) -> None:
        numbers = {name: self._type(name[0]) for name in names}
        types = {number: type_ for (type_, _), number in numbers.items()}
        question = ",".join("(?,?)" for _ in names)
        values = [part for name in names for part in (numbers[name], name[1])]
        found = self.connection.execute(
            f"WITH wanted (type, id) AS (VALUES {question})"
            " SELECT key, type, id, scope, updated, hash, state, flags FROM wanted CROSS JOIN resource USING (type, id)",
            values,
        )
        for key, type_, id_, scope, updated, hash_, state, flags in found:
            self._rows[types[type_], id_] = Row(key, types[type_], id_, scope, updated, hash_, state, flags)

    def row(self, name: Name) -> Row | None:
        """The row of a name, present or about to be; None when there is none."""
        if name not in self._rows and name not in self._absent:
            self.load([name])
        return self._rows.get(name)

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
        self._absent.discard(name)
        return row

    # --- putting ---

    def put(
        self,
        new: Resource,
        scope: int,
        *,
        shown: dict[str, Any] | None = None,
        odd: bool | None = None,
        plain: bool = False,
    ) -> tuple[Row, bool]:
        """A resource's new state, and whether it differs from the present one.

        `shown` and `odd` when the caller knows them already; `plain`: surely without conflict or deletion. A row keeps
        its scope; `scope` is that of a new one.
        """
        state = pack.pack(new)
        hash_ = pack.hash_of(new.type, new.id, state)
        row = self.row((new.type, new.id)) or self._new((new.type, new.id))
        if row.hash == hash_:
            return row, False
        self._remember(row)
        flags = 0
        if plain or not gone(new):
            row.shown = shown if shown is not None else rows.object_of(rows.text_of(new))
            flags = ODD if (not accepts(row.shown) if odd is None else odd) else 0
        else:
            flags, row.shown = GONE, None
        if not plain and _reviewed(new):
            flags |= CONFLICT
        row.scope = row.scope if row.scope is not None else scope
        row.updated, row.hash, row.state, row.flags = self.now_ms, hash_, rows.squeeze(state), flags
        row.resource = new
        return row, True

    def evict(self, row: Row) -> None:
        """Takes a resource out of this node: its row stays as a target of references, its history goes."""
        self._remember(row)
        self.connection.execute("DELETE FROM history WHERE key = ?", (row.key,))
        self._history = [entry for entry in self._history if entry[0] != row.key]
        row.shown, row.scope, row.hash, row.state, row.flags = None, None, None, None, 0
        row.resource = None

    def _remember(self, row: Row) -> None:
        """Keeps what the database has of a row before it is changed; its present version goes into the history."""
        if row.before is None:
            row.before = (row.hash, row.scope, row.flags)
            self._dirty[row.key] = row
            visible = row.state is not None and not row.flags & GONE
            old = rows.object_of(rows.text_of(self.resource(row))) if visible else None
            row.indexed = indexing.search_rows(old) if old is not None else []
            row.text = indexing.patient_text(old)
        if row.state is not None and row.hash is not None:
            self._history.append((row.key, row.key, row.updated, row.hash, row.state))

    # --- writing down ---

    def flush(self) -> None:
        """Writes everything that was put. The transaction is the caller's to commit."""
        added, removed = self._search_changes()
        self._write_rows()
        self._write_history()
        if removed:
            self.connection.executemany(
                "DELETE FROM search WHERE slot = ? AND value = ? AND key = ? AND extra = ?", removed
            )
        if added:
            self.connection.executemany("INSERT INTO search (slot, value, key, extra) VALUES (?, ?, ?, ?)", added)
        self._write_patient_text()
        self._write_conflicts()
        self._write_digests()
        for row in self._dirty.values():
            row.before = row.indexed = row.text = row.shown = None
        self._dirty.clear()

    def _search_changes(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        changes = [
            (row, row.indexed or [], indexing.search_rows(row.shown) if row.shown is not None else [])
            for row in self._dirty.values()
        ]
        targets = {indexing.target_of(entry) for _, old, new in changes for rows_ in (old, new) for entry in rows_}
        self.load(name for name in targets if name is not None)
        for name in targets:
            if name is not None and name not in self._rows:
                self._dirty_target(self._new(name))
        key_of: Callable[[Name], int] = lambda name: self._rows[name].key  # noqa: E731
        added: list[tuple[Any, ...]] = []
        removed: list[tuple[Any, ...]] = []
        for row, old, new in changes:
            before = {indexing.keyed(entry, key_of) for entry in old}
            after = {indexing.keyed(entry, key_of) for entry in new}
            key = row.key
            added += [(slot, value, key, extra) for slot, value, extra in after - before]
            removed += [(slot, value, key, extra) for slot, value, extra in before - after]
        added.sort(key=_index_order)
        return added, removed

    def _dirty_target(self, row: Row) -> None:
        row.before = (None, None, 0)
        self._dirty[row.key] = row

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
        for row in self._dirty.values():
            if row.type == "Patient":
                new = indexing.patient_text(row.shown)
                if new == row.text:
                    continue
                if row.text is not None:
                    self.connection.execute("DELETE FROM patient_text WHERE rowid = ?", (row.key,))
                if new is not None:
                    statement = (
                        "INSERT INTO patient_text (rowid, name, phone, identifier, village) VALUES (?, ?, ?, ?, ?)"
                    )
                    self.connection.execute(statement, (row.key, *new))

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

    def _write_digests(self) -> None:
        change: dict[int, int] = {}
        for row in self._dirty.values():
            old_hash, old_scope, _ = row.before or (None, None, 0)
            if old_scope is not None and old_hash is not None:
                change[old_scope] = digest.add(change.get(old_scope, 0), old=old_hash)
            if row.scope is not None and row.hash is not None:
                change[row.scope] = digest.add(change.get(row.scope, 0), new=row.hash)
        for scope, difference in change.items():
            present = self.connection.execute("SELECT digest FROM scope WHERE id = ?", (scope,)).fetchone()[0]
            total = (digest.from_bytes(present) + difference) % digest.MODULUS
            self.connection.execute("UPDATE scope SET digest = ? WHERE id = ?", (digest.to_bytes(total), scope))


def _reviewed(resource: Resource) -> list[str]:
    """Elements whose disagreement waits for a person."""
    return [c.element for c in disagreements(resource) if policy.needs_review(resource.type, c.element)]


def _index_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order of the index: SQLite sorts numbers before texts."""
    value = row[1]
    return (row[0], 1, value, row[2]) if isinstance(value, str) else (row[0], 0, value, row[2])
