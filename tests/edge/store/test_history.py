"""History is what this node has seen, newest first, and says where it has not seen all."""

from edge_node.store.model import Write
from edge_node.store.schema import HOME_SCOPE
from edge_node.store.store import Store
from sync_protocol.register import Register, Sibling, Stamp
from sync_protocol.resource import Resource
from tests.edge.store.nodes import AMA, KOFI, NOW, patient, put, shown


def test_every_version_is_kept_with_who_made_it(store: Store) -> None:
    put(store, "Patient", "p", patient(gender="female"))
    put(store, "Patient", "p", patient(gender="male"), by=KOFI, at=NOW + 1)
    store.write([Write("Patient", "p", None)], AMA, NOW + 2)
    versions = store.history("Patient", "p")
    assert [(v.number, v.user, v.stored.gone, v.gap) for v in versions] == [
        (3, "ama", True, False),
        (2, "kofi", False, False),
        (1, "ama", False, False),
    ]
    for version in versions:
        again = store.read_version("Patient", "p", version.stored.version)
        assert again is not None
        assert (again.body, again.gone) == (version.stored.body, version.stored.gone)
    assert store.read_version("Patient", "p", "0" * 16) is None


def test_pages_of_a_history_meet_without_gap_or_repetition(store: Store) -> None:
    for number in range(7):
        put(store, "Patient", f"p{number % 3}", patient(multipleBirthInteger=number), at=NOW + number // 3)
    put(store, "Group", "g", b'{"resourceType":"Group","type":"person","actual":true}')
    whole = store.history("Patient")
    assert len(whole) == 7
    paged = store.history("Patient", count=3)
    while True:
        last = paged[-1]
        more = store.history("Patient", count=3, before=(last.stored.updated_ms, last.stored.key, last.number))
        if not more:
            break
        paged += more
    assert paged == whole
    assert len(store.history()) == 8
    assert {v.stored.updated_ms for v in store.history("Patient", since_ms=NOW + 1)} == {NOW + 1, NOW + 2}
    assert [v.number for v in store.history("Patient", "p0", count=1, before=(NOW, 1, 3))] == [2]
    assert store.history("Horoscope") == store.history("Patient", "none") == []


def test_a_version_that_never_came_here_is_shown_as_a_gap(store: Store) -> None:
    put(store, "Patient", "p", patient(gender="female"))
    late = Stamp(9, 7, NOW, NOW, "esi", "midwife")
    incarnation = int(store.status().incarnation, 16)
    seen_more = Register((Sibling(late, b'{"gender":"male"}'),), {incarnation: 1, 8: 3, 9: 7})
    with store.transaction() as connection:
        store.merge(connection, [Resource("Patient", "p", {"gender": seen_more})], HOME_SCOPE, NOW)
    newest, oldest = store.history("Patient", "p")
    assert (newest.gap, oldest.gap, newest.user) == (True, False, "esi")
    assert shown(newest.stored)["gender"] == "male"
