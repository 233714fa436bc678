"""A form's context out of the store: who it is about, her records as they were on the screen, suggestions."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from edge_node.errors import NotFound
from edge_node.fhir.primitives import is_id
from edge_node.forms.context import Context, Held, Sheet, decode
from edge_node.medicines import formulary, substances
from edge_node.pages.villages import Villages
from edge_node.problems import catalogue
from edge_node.store import referrals
from edge_node.store.model import Author, Stored
from edge_node.store.store import Store

_LISTS: Final = {
    "problems": catalogue.suggestions(),
    "medicines": formulary.suggestions(),
    "substances": substances.suggestions(),
}
"""Suggestions that every clinic has."""


class Desktop:
    """What contexts are made with, for one server."""

    def __init__(
        self, store: Store, now_ms: Callable[[], int], new_id: Callable[[], str], new_number: Callable[[], str]
    ) -> None:
        self.store = store
        self.now_ms = now_ms
        self.new_id = new_id
        self._new_number = new_number
        self.villages = Villages(store, now_ms)

    def context(
        self, author: Author, patient: str | None, about: str | None, seen: Mapping[str, str] | None = None
    ) -> Context:
        """A context. `about`: a reference; `seen`: versions that were on the screen. Raises NotFound."""
        now = self.now_ms()
        records = tuple(self._held(stored, seen or {}) for stored in self._records(patient))
        held = {one.reference: one for one in records}
        if about is not None and about not in held:
            held[about] = self._held(self._other(about), seen or {})
        places = self._places()
        return Context(
            author=author,
            now_ms=now,
            at=(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now)).astimezone(),
            new_id=self.new_id,
            new_number=self._new_number,
            programme=self.store.programme,
            patient=records[0] if records else None,
            records=records[1:],
            about=held[about] if about is not None else None,
            facility=self._facility(),
            lists={"villages": self.villages.known(), "facilities": tuple(places), **_LISTS},
            places=places,
        )

    def _places(self) -> dict[str, str]:
        """The others of the region by name; those that share one, with their ids, so that none stands for another."""
        own = referrals.own_facility(self.store)
        others = [one for one in referrals.facilities(self.store) if one.id != own]
        of_name = Counter(one.name.casefold() for one in others)
        return {one.name if of_name[one.name.casefold()] == 1 else f"{one.name} ({one.id})": one.id for one in others}

    def _facility(self) -> str:
        with self.store.reading() as connection:
            return connection.execute("SELECT facility FROM sync").fetchone()[0] or ""

    def _records(self, patient: str | None) -> list[Stored]:
        if patient is None:
            return []
        return [stored for stored in self.store.everything(patient) if stored.body is not None]

    def _other(self, reference: str) -> Stored:
        type_, _, id_ = reference.partition("/")
        stored = self.store.read(type_, id_) if type_.isalpha() and is_id(id_) else None
        if stored is None or stored.body is None:
            raise NotFound()
        return stored

    def _held(self, stored: Stored, seen: Mapping[str, str]) -> Held:
        """A resource as it was on the screen; as it is now, under the version that was seen, when that one is not here any more: the
        store then keeps beside each other what differs."""
        version = seen.get(f"{stored.type}/{stored.id}", stored.version)
        if version != stored.version:
            stored = self.store.read_version(stored.type, stored.id, version) or stored
        return Held(stored.type, stored.id, version, decode(stored.body or b"{}"))


def seen_versions(sheet: Sheet, context: Context) -> tuple[str, ...]:
    """What a page carries of the resources that it edits: `Patient/abc@0123456789abcdef`."""
    mine = (context.held(reference) for reference in sheet.edits(context))
    return tuple(f"{held.reference}@{held.version}" for held in mine if held is not None)


def versions(given: tuple[str, ...]) -> dict[str, str]:
    """The same, read: reference → version."""
    pairs = (one.rpartition("@") for one in given)
    return {reference: version for reference, _, version in pairs if reference and version}
