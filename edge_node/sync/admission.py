"""Somebody who is a patient elsewhere: looked for at the hub, and admitted to this clinic.

Each is one request over the link, with its named errors; the hub being away is the normal case. What was asked stands in this node's
audit with its number of answers, who was admitted with the reason: never a name.
"""

from collections.abc import Callable
from typing import TypeVar

from edge_node.errors import HubRefused
from edge_node.store import trail
from edge_node.store.model import Author
from edge_node.store.store import Store
from edge_node.sync.enrolment import hub_of
from edge_node.sync.link import Link
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange.finding import Admit, Admitted, Find, Found, Reason, read_admitted, read_found
from sync_protocol.exchange.messages import MEDIA_TYPE, encode

FIND_PATH = "/sync/v1/find"
ADMIT_PATH = "/sync/v1/admit"
T = TypeVar("T")


def find(store: Store, asked: Find, now_ms: int) -> Found:
    """Who may be meant. Raises NotEnrolled, TooLittleKnown, AskedTooOften, or what `Link.ask` raises."""
    found = _asked(store, FIND_PATH, encode(asked), read_found)
    detail = {"found": len(found.candidates)}
    with store.transaction() as connection:
        trail.record(connection, now_ms, Author(asked.user, asked.role), "find-elsewhere", detail=detail)
    return found


def admit(store: Store, token: bytes, author: Author, reason: Reason, now_ms: int) -> Admitted:
    """She is this clinic's patient from now on; her record comes with the next exchange.

    Raises NotEnrolled, FoundTooLongAgo, NotThereAnyMore, IdUsedTwice, or what `Link.ask` raises.
    """
    asked = Admit(token, author.user, author.role, reason)
    admitted = _asked(store, ADMIT_PATH, encode(asked), read_admitted)
    with store.transaction() as connection:
        trail.record(connection, now_ms, author, "admit", detail={"reason": reason, "resources": admitted.resources})
    return admitted


def _asked(store: Store, path: str, body: bytes, read: Callable[[bytes], T]) -> T:
    link = Link(*hub_of(store))
    try:
        return read(link.ask(path, body, MEDIA_TYPE).body)
    except ProtocolError as error:
        raise HubRefused(f"The hub's answer was not understood: {error}", hint=error.hint) from error
    finally:
        link.close()
