"""Search rows of small writes: found at once, moved into the index later, and never in two places."""

from edge_node.fhir.query import parse_query
from edge_node.store import recent
from edge_node.store.bundles import Item
from edge_node.store.model import Write
from edge_node.store.store import Store
from tests.edge.store import nodes
from tests.edge.store.nodes import AMA, NOW, observation, patient, put

SEARCHES = [
    ("Observation", [("patient", "p1")]),
    ("Observation", [("patient", "p1"), ("_sort", "-value-quantity"), ("_count", "7")]),
    ("Observation", [("status", "final"), ("_count", "3")]),
    ("Observation", [("status:not", "final")]),
    ("Observation", [("value-quantity", "gt12"), ("patient", "p2")]),
    ("Observation", [("date:missing", "true"), ("_sort", "status")]),
    ("Observation", [("patient.family", "fam"), ("_count", "5")]),
    ("Patient", [("_has:Observation:patient:value-quantity", "lt11")]),
    ("Patient", [("family", "fam"), ("_sort", "-family"), ("_revinclude", "Observation:patient")]),
]


def lying(store: Store, table: str) -> int:
    with store.snapshot() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def found(store: Store) -> list[list[str]]:
    """What all searches find, page by page, with how many there are in all."""
    answers = []
    for type_, text in SEARCHES:
        query = parse_query(type_, [*text, ("_total", "accurate")], now_ms=NOW)
        page = store.search(query)
        answer = [str(page.total)]
        while True:
            answer += [f"{entry.type}/{entry.id}" for entry in (*page.found, *page.included)]
            if page.next is None:
                break
            page = store.search(query, page.next)
        answers.append(answer)
    answers.append([stored.id for stored in store.everything("p1")])
    return answers


def fill(store: Store) -> None:
    for number in range(4):
        put(store, "Patient", f"p{number}", patient(name=[{"family": f"Fam{number % 3}"}]))
    for number in range(40):
        body = observation(f"Patient/p{number % 4}", f"{number / 2}", status="final" if number % 3 else "amended")
        put(store, "Observation", f"o{number}", body)
    for number in range(0, 40, 7):
        put(store, "Observation", f"o{number}", observation("Patient/p1", f"{number}"))
    store.write([Write("Observation", "o3", None)], AMA, NOW)


def test_a_small_write_is_found_from_its_commit_on(store: Store) -> None:
    put(store, "Patient", "p1", patient(name=[{"family": "Fam"}]))
    assert lying(store, "search_recent") > 0
    assert lying(store, "search_index") == 0
    (entry,) = store.search(parse_query("Patient", [("family", "fam")], now_ms=NOW)).found
    assert entry.id == "p1"


def test_searches_find_the_same_wherever_rows_lie(store: Store) -> None:
    """New here, moved, and some of each: one answer, in one order, page by page."""
    fill(store)
    assert lying(store, "search_recent") > 0
    new = found(store)
    with store.transaction() as connection:
        recent.move(connection)
    assert lying(store, "search_recent") == 0
    moved = found(store)
    assert new == moved
    assert all(len(answer) > 1 for answer in new)
    put(store, "Observation", "o1", observation("Patient/p1", "11.5"))
    put(store, "Observation", "o1", observation("Patient/p1", "0.5"))
    assert lying(store, "search_recent") > 0
    assert found(store) == moved


def test_rows_are_moved_when_there_are_many(store: Store) -> None:
    number = 0
    while not lying(store, "search_index"):
        put(store, "Observation", f"o{number}", observation("Patient/p1", f"{number}"))
        number += 1
        assert lying(store, "search_recent") <= recent.ROWS_MAX
    assert lying(store, "search_recent") == 0
    assert lying(store, "search_index") > recent.ROWS_MAX


def test_a_larger_write_moves_what_lies_here_before_its_own_rows(store: Store) -> None:
    fill(store)
    items = [Item(observation("Patient/p1", f"{number}", id=f"i{number}")) for number in range(100)]
    store.import_resources(items, AMA, lambda: NOW)
    assert lying(store, "search_recent") == 0
    nodes.search_index_is_that_of_the_rows(store)
    put(store, "Observation", "i5", observation("Patient/p2", "99"))
    assert 0 < lying(store, "search_recent") < 5
    store.write([Write("Observation", f"i{number}", None) for number in range(100)], AMA, NOW)
    assert lying(store, "search_recent") == 0
