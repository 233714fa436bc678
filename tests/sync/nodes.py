"""Nodes that exchange with a real hub over HTTP, in this process: the store and the exchange as the programs use them."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge_node import keys
from edge_node.keys import KEY_NAME
from edge_node.programme import Programme
from edge_node.store.model import Author, OpenConflict, Stored, Write, Written
from edge_node.store.store import DATABASE_NAME, Store
from edge_node.sync.enrolment import enroll
from edge_node.sync.exchanging import Progress, Syncing

AMA: Final = Author("ama", "clinician")
PROGRAM: Final = "tests"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Node:
    """A node's folder, with its store open. Commands of `medtech-edge` work on it too. Resources are named `Type/id`."""

    def __init__(self, folder: Path, prefix: str = "", now: Callable[[], int] = now_ms) -> None:
        self.folder = folder
        self.prefix = prefix
        """Goes before every id: at a hub that tests share, an id belongs to the facility that used it first."""
        self.now = now
        self.open()

    def open(self) -> None:
        """Opens the store; after `close`, too."""
        key = keys.unlock(self.folder, None, database_name=DATABASE_NAME, create=True)
        self.store = Store.open(self.folder, key.raw, Programme(), create=True)
        self.syncing = Syncing(self.store, self.now, os.urandom, PROGRAM)

    def close(self) -> None:
        self.syncing.close()
        self.store.close()

    def join(self, hub: str, code: str) -> "Node":
        enroll(self.store, hub, code)
        return self

    def sync(self) -> Progress:
        """One sync to its end; nothing waits afterwards and the digests are those of the hub."""
        progress = self.exchange()
        assert progress.pending == 0
        assert progress.digest_equal
        return progress

    def exchange(self) -> Progress:
        """One sync to its end."""
        return self.syncing.run()

    def split(self, name: str) -> tuple[str, str]:
        """Type and id as they are in the store."""
        type_, _, id_ = name.partition("/")
        return type_, self.prefix + id_

    def stored(self, name: str) -> Stored | None:
        """The resource as it is here, deleted ones too."""
        return self.store.read(*self.split(name))

    def put(self, name: str, /, *, seen: str | None = None, **members: Any) -> Written:
        """Writes a resource whole, against the version seen or the latest."""
        type_, id_ = self.split(name)
        body = json.dumps({"resourceType": type_, "id": id_, **members}).encode()
        (written,) = self.store.write([Write(type_, id_, body, seen=seen)], AMA, self.now())
        return written

    def edit(self, name: str, /, **members: Any) -> None:
        """Changes some members against the version that is here."""
        shown = self.shown(name)
        del shown["resourceType"], shown["id"]
        self.put(name, **{**shown, **members})

    def delete(self, name: str) -> None:
        type_, id_ = self.split(name)
        self.store.write([Write(type_, id_, None)], AMA, self.now())

    def shown(self, name: str) -> dict[str, Any]:
        """What people see, without the server's own version and time."""
        stored = self.stored(name)
        assert stored is not None, name
        assert stored.body is not None, f"{name} is gone"
        resource: dict[str, Any] = json.loads(stored.body)
        meta = {k: v for k, v in resource.pop("meta").items() if k not in ("versionId", "lastUpdated")}
        return {**resource, "meta": meta} if meta else resource

    def is_gone(self, name: str) -> bool:
        stored = self.stored(name)
        return stored is None or stored.gone

    def conflicts(self) -> list[OpenConflict]:
        return self.store.conflicts()

    def resolve(self, name: str, element: str, value: bytes | None) -> None:
        """Settles one element of a resource."""
        self.store.resolve(*self.split(name), element, value, AMA, self.now())

    @property
    def digest(self) -> str:
        """Of its facility's scope; the kept one is that of the rows."""
        kept = self.store.digests()
        assert kept == self.store.digests(rebuild=True)
        (home,) = [value for name, value in kept.items() if name.startswith("facility/")]
        return home

    @property
    def incarnation(self) -> str:
        return self.store.status().incarnation

    @property
    def key_path(self) -> Path:
        return self.folder / KEY_NAME


def given_name(node: Node, name: str) -> str:
    """The first name of a patient as shown."""
    return str(node.shown(name)["name"][0]["given"][0])


def person(given: str, **members: Any) -> dict[str, Any]:
    """The members of a patient."""
    return {"name": [{"family": "Mensah", "given": [given]}], **members}


def agree(*nodes: Node) -> None:
    """Two rounds of syncs, after which all have the same."""
    for _ in range(2):
        for node in nodes:
            node.exchange()
    for node in nodes:
        node.sync()
    assert len({node.digest for node in nodes}) == 1
