"""What must hold: at every moment, and when all links are up and nothing waits any more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from edge_node.store import reading
from hub.states import States
from sync_protocol import digest, pack
from sync_protocol.resource import Resource, gone
from tests.simulation.actors import Edge, HubActor
from tests.simulation.oracle import DELETION, Fact
from tests.simulation.records import Records, Violation


def check_all(edges: Sequence[Edge], hub: HubActor, records: Records) -> None:
    """Everything that must hold after quiescence. Raises Violation."""
    per_scope = hub_states(hub)
    known = set(hub.known).union(*(edge.known for edge in edges))
    check_facts(known, per_scope, records)
    check_hub(hub, per_scope)
    for edge in edges:
        check_edge(edge, hub, per_scope)
    check_same_views(edges)


def hub_states(hub: HubActor) -> dict[str, dict[str, Resource]]:
    """Scope → resource name → registers, as they rest at the hub."""
    tables, states = hub.hub.tables, States(hub.hub)
    found: dict[str, dict[str, Resource]] = {row.name: {} for row in tables.scopes.values()}
    for row in tables.resources.values():
        scope = tables.scopes[row.scope]
        resource = states.open(scope, row.rkey, row.state)
        found[scope.name][resource.name] = resource
    return found


def check_facts(known: Iterable[Fact], per_scope: Mapping[str, Mapping[str, Resource]], records: Records) -> None:
    """What is left of every element is what the oracle says, with the values that were written."""
    everywhere = {name: resource for states in per_scope.values() for name, resource in states.items()}
    expected = records.oracle.left(known)
    doubled = {fact.resource for fact in records.doubled}
    if missing := expected.keys() - everywhere.keys():
        raise Violation(f"lost: {sorted(missing)}")
    for name, resource in everywhere.items():
        wanted = expected.get(name, {})
        check_elements(resource, wanted, records)
        if gone(resource) != records.oracle.gone(name, wanted) and name not in doubled:
            raise Violation(f"{name}: deleted is {gone(resource)}, and should not be")


def check_elements(resource: Resource, wanted: Mapping[str, frozenset[str]], records: Records) -> None:
    """One resource's elements. A doubled fact may stand beside what was written by someone who saw its other half."""
    told = records.names.told(resource)
    for element in sorted(told.keys() | wanted.keys()):
        have, want = set(told.get(element, ())), wanted.get(element, frozenset())
        missing = want - have
        more = {write for write in have - want if Fact(resource.name, element, write) not in records.doubled}
        if missing or more:
            raise Violation(f"{resource.name} {element}: missing {sorted(missing)}, too many {sorted(more)}")
        for write, value in told[element].items():
            if element != DELETION and value != records.oracle.value(Fact(resource.name, element, write)):
                raise Violation(f"{resource.name} {element}: {write} has another value than was written")


def check_hub(hub: HubActor, per_scope: Mapping[str, Mapping[str, Resource]]) -> None:
    """Kept digests are those of the rows; nothing waits; places in the feeds follow one another."""
    tables = hub.hub.tables
    for scope in tables.scopes.values():
        if scope.digest != total(per_scope[scope.name].values()):
            raise Violation(f"the hub's digest of {scope.name} is not that of its rows")
        feed = tables.feed.get(scope.id, [])
        if [pointer.seq for pointer in feed] != list(range(1, scope.seq + 1)):
            raise Violation(f"the feed of {scope.name} has gaps or doubles")
    if tables.parked:
        raise Violation(f"{len(tables.parked)} changes stay parked")
    if tables.quarantined:
        raise Violation(f"quarantine: {[(q.node, q.reason, q.detail) for q in tables.quarantined]}")


def check_edge(edge: Edge, hub: HubActor, per_scope: Mapping[str, Mapping[str, Resource]]) -> None:
    """An edge holds its scopes, the same as the hub, and nothing else; its tables agree with each other."""
    store = edge.store
    assert store is not None
    kept, rebuilt = store.digests(), store.digests(rebuild=True)
    if kept != rebuilt:
        raise Violation(f"{edge.name}: kept digests are not those of its rows")
    held = {hub.hub.tables.scopes[scope].name for scope in hub.hub.tables.node_scopes[edge.node.id]}
    if set(kept) != held:
        raise Violation(f"{edge.name}: holds {sorted(kept)}, should hold {sorted(held)}")
    with store.snapshot() as connection:
        for number, name in connection.execute("SELECT id, name FROM scope").fetchall():
            mine = {resource.name: resource for resource in reading.states(connection, number)}
            theirs = per_scope[name]
            if mine.keys() != theirs.keys():
                raise Violation(f"{edge.name} {name}: {sorted(mine.keys() ^ theirs.keys())} are on one side only")
            for one, resource in mine.items():
                if pack.pack(resource) != pack.pack(theirs[one]):
                    raise Violation(f"{edge.name} {name}: {one} is not as at the hub")
        if connection.execute("SELECT count(*) FROM held").fetchone()[0]:
            raise Violation(f"{edge.name}: something is held")
    if kept != {name: digest.to_bytes(total(per_scope[name].values())).hex() for name in held}:
        raise Violation(f"{edge.name}: digests are not the hub's")
    aside = [entry.reason for entry in store.quarantine()]
    if aside:
        raise Violation(f"{edge.name}: quarantine {aside}")


def check_same_views(edges: Sequence[Edge]) -> None:
    """Nodes that hold the same scopes show the same bodies, and list the same conflicts."""
    first: dict[str, tuple[str, Any]] = {}
    for edge in edges:
        scopes = ",".join(sorted(edge.store.digests())) if edge.store is not None else ""
        view = shown(edge)
        name, other = first.setdefault(scopes, (edge.name, view))
        if view != other:
            raise Violation(f"{edge.name} shows other things than {name}")


def shown(edge: Edge) -> tuple[list[Any], list[Any]]:
    """What an edge exports, and its inbox, without the times at which it stored them."""
    store = edge.store
    assert store is not None
    bodies = []
    for text in store.export():
        body = msgspec.json.decode(text)
        body["meta"].pop("lastUpdated")
        bodies.append(body)
    conflicts = [
        (c.type, c.id, c.version, c.element, [(v.user, v.written_ms, v.shown, bytes(v.value or b"")) for v in c.values])
        for c in store.conflicts()
    ]
    return sorted(bodies, key=lambda b: (b["resourceType"], b["id"])), sorted(conflicts)


def total(resources: Iterable[Resource]) -> int:
    """The digest of these states, from nothing but their registers."""
    return digest.total(pack.hash_of(r.type, r.id, pack.pack(r)) for r in resources)
