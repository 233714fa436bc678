"""The store: what servers, pages, commands and the exchange call. Thread-safe; several processes may have it open."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from os import urandom
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_node import same_person
from edge_node.errors import NoDatabase, NotFound
from edge_node.fhir.query import Query
from edge_node.fhir.search_sql import Position
from edge_node.programme import Programme
from edge_node.store import conflicts as disputes
from edge_node.store import (
    consequences,
    finding,
    forking,
    importing,
    merging,
    numbering,
    people,
    reading,
    searching,
    sessions,
    similar,
    state,
    submitting,
    trail,
    vocabulary,
    writing,
)
from edge_node.store.bundles import Item
from edge_node.store.connection import Connection, Readers, connect, named_errors, transaction
from edge_node.store.finding import FoundPatient
from edge_node.store.model import (
    AuditEntry,
    Author,
    Chance,
    ImportReport,
    MergeReport,
    Once,
    OpenConflict,
    Page,
    QuarantineEntry,
    Status,
    Stored,
    Version,
    Write,
    Written,
)
from edge_node.store.schema import begin_node, migrate
from edge_node.store.similar import Similar
from edge_node.store.standing import standing
from edge_node.store.trail import Detail
from edge_node.store.unwritten import Entry, Unwritten
from sync_protocol import digest
from sync_protocol.matching.numbers import PatientNumber
from sync_protocol.matching.person import person_of
from sync_protocol.resource import Resource

DATABASE_NAME = "edge.db"


class Store:
    """A node's records. Made by `Store.open`; every method may be called from any thread."""

    def __init__(self, path: Path, key: bytes, programme: Programme, writer: Connection, random_bytes: Chance) -> None:
        self.path = path
        self.key = key
        self.programme = programme
        self._writer = writer
        self._lock = threading.RLock()
        self._readers = Readers(path, key)
        self._random_bytes = random_bytes
        self._living = False
        self._vocabulary = vocabulary.Vocabulary()
        self.unwritten = Unwritten(self.transaction)

    @classmethod
    def open(
        cls, directory: Path, key: bytes, programme: Programme, *, create: bool = False, random_bytes: Chance = urandom
    ) -> "Store":
        """Opens the database in a folder, of a clinic with a programme; with `create` a new node is made when there is none.

        Raises NoDatabase, CorruptDatabase, NewerSchema, DiskFull.
        """
        path = directory / DATABASE_NAME
        if not path.exists():
            if not create:
                raise NoDatabase(f"There is no node in {directory}")
            directory.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
        writer = connect(path, key, writer=True)
        try:
            migrate(writer)
            vocabulary.write_missing(writer)
            if writer.execute("SELECT count(*) FROM sync").fetchone()[0] == 0:
                with transaction(writer):
                    begin_node(writer, new_incarnation(random_bytes), digest.to_bytes(digest.EMPTY))
        except BaseException:
            writer.close()
            raise
        return cls(path, key, programme, writer, random_bytes)

    def close(self) -> None:
        """Closes the connections; what was answered is on disk already, but for `unwritten`."""
        self.unwritten.write_down()
        with self._lock:
            self._readers.close()
            self._writer.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """The write connection in a transaction: durable when this returns, or nothing happened."""
        with self._lock, transaction(self._writer) as connection:
            yield connection

    @contextmanager
    def writing(self, when: Callable[[Connection], bool] = lambda connection: True) -> Iterator[Connection]:
        """A transaction that gives dots or sends them: before its first one, a process begins a life of its own (`forking`)."""
        with self._lock:
            with self.transaction() as connection:
                begins = not self._living and when(connection)
                if begins:
                    forking.restart(connection, standing(connection), new_incarnation(self._random_bytes))
                yield connection
            self._living |= begins

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read connection whose statements all see the same moment."""
        with self._readers.snapshot() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read connection; each statement sees what is committed then."""
        with self._readers.use() as connection:
            yield connection

    @contextmanager
    def _at_hand(self) -> Iterator[Connection]:
        """A connection for one short look-up: the write connection while nobody writes, else a read one.

        Its cache is the largest and outlives our own commits; a read connection forgets all its pages at every commit, and
        fetching and decrypting them again is most of what a look-up costs in a large database.
        """
        if self._lock.acquire(blocking=False):
            try:
                if not self._writer.in_transaction:  # else this thread's own, and nobody may see it yet
                    with named_errors():
                        yield self._writer
                    return
            finally:
                self._lock.release()
        with self._readers.use() as connection:
            yield connection

    # --- resources ---

    def read(self, type_: str, id_: str) -> Stored | None:
        """A resource as it is now (a deleted one too, `gone`), None when it never was here."""
        with self._at_hand() as connection:
            return reading.read(connection, type_, id_)

    def read_many(self, keys: Sequence[int]) -> list[Stored]:
        """Resources by key, in that order; what is not here any more is left out."""
        with self._readers.use() as connection:
            return reading.read_many(connection, keys)

    def read_version(self, type_: str, id_: str, version: str) -> Stored | None:
        """One version of a resource, None when it never was here."""
        with self._readers.snapshot() as connection:
            return reading.read_version(connection, type_, id_, version)

    def history(
        self,
        type_: str | None = None,
        id_: str | None = None,
        *,
        since_ms: int = 0,
        count: int = 100,
        before: tuple[int, int, int] | None = None,
    ) -> list[Version]:
        """Versions that were here, newest first: of one resource (none if it never was here), of a type, of all.

        `before` continues after an entry: its `(stored.updated_ms, stored.key, number)`.
        """
        with self._readers.snapshot() as connection:
            if type_ is None or id_ is None:
                return reading.history(connection, type_, since_ms=since_ms, count=count, before=before)
            key = reading.key_of(connection, type_, id_)
            if key is None:
                return []
            last = before[2] if before is not None else 1 << 62
            return reading.history_of(connection, key, since_ms=since_ms, count=count, before=last)

    def write(
        self, writes: Sequence[Write], author: Author, now_ms: int, *, validate: bool = True, once: Once | None = None
    ) -> list[Written]:
        """Writes all of them, audited, in one transaction, or none; reminders that end with them are ended in it (`consequences`).
        `once`: they are a form's, which is carried out once.

        Raises InvalidResource, NotFound, AlreadyExists, VersionConflict, AlreadySubmitted, DiskFull.
        """
        prepared = [writing.prepare(write, self._random_bytes, check=validate) for write in writes]
        with self.writing() as connection:
            if once is not None:
                submitting.submit(connection, once, now_ms)
            watched = consequences.watched(connection, prepared)
            written = writing.write_all(connection, prepared, author, now_ms)
            consequences.follow(connection, watched, self.programme, author, now_ms, self._random_bytes)
            return written

    def submitted(self, token: str) -> Once | None:
        """A form as it was sent before; None when it was not."""
        with self.reading() as connection:
            return submitting.saved(connection, token)

    def merge(
        self,
        connection: Connection,
        resources: Iterable[Resource],
        scope: int,
        now_ms: int,
        *,
        source: str = "exchange",
    ) -> MergeReport:
        """Joins what others wrote, within the caller's transaction; see `merging.merge`."""
        return merging.merge(connection, resources, scope, now_ms, source=source)

    def import_resources(
        self,
        resources: Iterable[Item | bytes],
        author: Author,
        now_ms: Callable[[], int],
        progress: Callable[[float], None] = lambda part: None,
        part: Callable[[], float] = lambda: 0.0,
    ) -> ImportReport:
        """Writes many resources in batches, each durable before the next; ids are kept, and it may be repeated.

        `resources` is read in a second process; `progress` hears what `part` tells there of how far it is, from 0 to 1.
        """
        items = (item if isinstance(item, Item) else Item(item) for item in resources)
        return importing.import_items(self.writing, items, author, now_ms, progress, part)

    def export(self, type_: str | None = None) -> Iterator[bytes]:
        """All resources as FHIR JSON, as they were at one moment."""
        with self._readers.snapshot() as connection:
            for stored in reading.each(connection, type_):
                yield stored.body or b""

    # --- searching ---

    def search(self, query: Query, after: Position | None = None) -> Page:
        """A page of a parsed FHIR search; `after` is the `next` of the page before. Raises QueryError."""
        with self._readers.snapshot() as connection:
            return searching.search(connection, query, after)

    def find_patients(self, text: str, limit: int = 20, *, today: date | None = None) -> list[FoundPatient]:
        """Patients by names, phone, identifier, village, age or year of birth, the closest first, with how each word was
        understood. Without today, a number is no age."""
        with self._readers.snapshot() as connection:
            return finding.find_patients(connection, self._vocabulary, text, limit, today)

    def similar(self, patient: dict[str, Any], limit: int = 10) -> list[Similar]:
        """Who of those here may be the person a decoded FHIR Patient describes, the likeliest first, each with the score and what
        it is made of; the record itself, by its id, left out."""
        with self._readers.snapshot() as connection:
            described, id_ = person_of(patient), patient.get("id")
            return similar.similar(
                connection, self._vocabulary, described, limit, id_ if isinstance(id_, str) else None
            )

    def survivors(self, patient_id: str) -> list[Stored]:
        """The records that go on for a person: her own when it was merged into none (`same_person`). None when it is not here."""
        with self._readers.snapshot() as connection:
            read = searching.patient_reader(connection)
            stored = read(patient_id)
            return same_person.survivors(stored, read) if stored is not None else []

    def everything(self, patient_id: str) -> list[Stored]:
        """A patient and the whole compartment. Raises NotFound."""
        with self._readers.snapshot() as connection:
            return reading.read_many(connection, self.everything_keys(patient_id))

    def everything_keys(self, patient_id: str) -> list[int]:
        """The keys of `everything`, for paging. Raises NotFound."""
        with self._readers.snapshot() as connection:
            found = reading.read(connection, "Patient", patient_id)
            if found is None or found.gone:
                raise NotFound()
            return searching.everything(connection, found.key)

    def new_patient_number(self) -> PatientNumber:
        """A short number that no patient here has, for `Patient.identifier` (`sync_protocol/matching/numbers.py`).

        It is not kept until a patient with it is written: a card that was printed and thrown away costs nothing.
        """
        with self.transaction() as connection:
            return numbering.new_number(connection, self._random_bytes)

    # --- conflicts ---

    def conflicts(self, limit: int = 1000, meant: disputes.OfType = disputes.every_type) -> list[OpenConflict]:
        """What waits for a person, of the types that are meant, oldest first."""
        with self._readers.snapshot() as connection:
            return disputes.open_conflicts(connection, limit, meant)

    def disagreements(self, type_: str, id_: str) -> list[OpenConflict]:
        """All elements of one resource that people disagree about, whether they wait for a person or not."""
        with self._readers.snapshot() as connection:
            return disputes.of_resource(connection, type_, id_)

    def resolve(
        self,
        type_: str,
        id_: str,
        element: str,
        value: bytes | None,
        author: Author,
        now_ms: int,
        *,
        seen: str | None = None,
    ) -> Written:
        """Settles one element, and ends reminders as `write` does. `value`: one of the values, a new one, or None to remove it.

        For the deletion (`~`): `sync_protocol.resource.ALIVE` keeps the resource, None deletes it. `seen` is the version on the
        author's screen: what arrived since is settled by nobody. Raises NotFound, VersionConflict, InvalidResource.
        """
        disputes.check_value(type_, element, value)
        with self.writing() as connection:
            watched = consequences.watched_by(connection, type_, id_)
            written = writing.resolve(connection, (type_, id_), element, value, author, now_ms, seen)
            consequences.follow(connection, watched, self.programme, author, now_ms, self._random_bytes)
            return written

    # --- the node itself ---

    def status(self) -> Status:
        """What `status` tells."""
        with self._readers.snapshot() as connection:
            return state.status(connection)

    def digests(self, *, rebuild: bool = False) -> dict[str, str]:
        """Scope → digest, from the stored value or from all rows."""
        with self._readers.snapshot() as connection:
            return state.rebuilt_digests(connection) if rebuild else state.digests(connection)

    def audit(
        self, type_: str | None = None, id_: str | None = None, *, before: int | None = None, count: int = 100
    ) -> list[AuditEntry]:
        """Entries of the audit, newest first; of one resource when it is named."""
        with self._readers.snapshot() as connection:
            key = None
            if type_ is not None and id_ is not None:
                key = reading.key_of(connection, type_, id_)
                if key is None:
                    return []
            return trail.entries(connection, key=key, before=before, count=count)

    def record(
        self, author: Author, now_ms: int, action: trail.Action, key: int | None = None, detail: Detail | None = None
    ) -> None:
        """An audit entry of its own: a reading, a login, an export. On a full disk see `unwritten`."""
        self.unwritten.record(Entry(now_ms, author, action, key, detail))

    def quarantine(self, limit: int = 1000) -> list[QuarantineEntry]:
        """What could not be taken in, newest first."""
        with self._readers.snapshot() as connection:
            return state.quarantined(connection, limit)

    @property
    def users(self) -> "people.Users":
        """The people who may log in at this node."""
        return people.Users(self.transaction, self.reading, self._random_bytes)

    @property
    def sessions(self) -> "sessions.Sessions":
        """Logins that last."""
        return sessions.Sessions(self.transaction, self._at_hand)


def new_incarnation(random_bytes: Callable[[int], bytes]) -> int:
    """A random 63-bit name for one life of a node; never 0."""
    return (int.from_bytes(random_bytes(8), "big") >> 1) or 1
