"""Followers of changes: nothing that is stored is passed over, whatever the clock says and whoever writes during a look."""

from pathlib import Path

import pytest

from edge_node.store import following, schema
from edge_node.store.connection import connect
from edge_node.store.following import Position
from edge_node.store.saving import Batch
from edge_node.store.store import Store
from sync_protocol.resource import shown
from tests.edge.store.nodes import KEY, patient, put

LATE, EARLY = 2_000, 1_000


def test_who_never_looked_is_at_the_beginning_and_a_position_is_kept(store: Store) -> None:
    with store.transaction() as connection:
        assert following.at(connection, "some") == Position(0, 0)
        following.keep(connection, "some", Position(7, 3))
    with store.snapshot() as connection:
        assert following.at(connection, "some") == Position(7, 3)


def test_changes_come_in_the_order_in_which_they_were_stored_and_each_once(store: Store) -> None:
    for id_, when in (("a", 30), ("b", 10), ("c", 20)):
        put(store, "Patient", id_, patient(), at=when)
    put(store, "Patient", "b", patient(gender="female"), at=40)
    position, found = Position(0, 0), list[str]()
    with store.snapshot() as connection:
        assert following.number(connection, position, 100) == 3
        assert following.number(connection, position, 2) == 2
        while some := following.changed(connection, position, 2):
            found += [one.id for one in some]
            position = some[-1].after
        assert following.latest(connection) == Position(41, 0)
        assert following.number(connection, following.latest(connection), 1) == 0
    assert found == ["c", "a", "b"]


def test_a_change_is_told_with_what_it_was_before(store: Store) -> None:
    for gender in ("male", "female", "other"):
        put(store, "Patient", "a", patient(gender=gender), at=LATE)
    with store.snapshot() as connection:
        (only,) = following.changed(connection, Position(0, 0), 10)
        said = [shown(one)["gender"] for one in following.versions(connection, only)]
    assert said == [b'{"gender":"other"}', b'{"gender":"female"}']


def test_a_write_at_a_time_that_was_looked_at_lowers_every_follower_beyond_it(store: Store) -> None:
    with store.transaction() as connection:
        for name, position in (("beyond", LATE), ("at", EARLY), ("before", EARLY - 1)):
            following.keep(connection, name, Position(position, 5))
    put(store, "Patient", "a", patient(), at=EARLY)
    with store.snapshot() as connection:
        found = [following.at(connection, name) for name in ("beyond", "at", "before")]
    assert found == [Position(EARLY, 0), Position(EARLY, 0), Position(EARLY - 1, 5)]


def test_a_write_asks_once_for_all_followers(store: Store) -> None:
    with store.transaction() as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        following.went_back(connection, EARLY)
        connection.set_trace_callback(None)
        assert len(asked) == 1
        asked.clear()
        connection.set_trace_callback(asked.append)
        Batch(connection, EARLY).flush()
        connection.set_trace_callback(None)
    assert asked == [], "what changes nothing asks nothing"


def test_a_look_that_is_finished_raises_the_position_to_where_it_began(store: Store) -> None:
    put(store, "Patient", "a", patient(), at=EARLY)
    with store.transaction() as connection:
        mark = following.begin(connection, "some")
        assert following.at(connection, "some") == Position(0, 0), "not before it was looked at"
    put(store, "Patient", "b", patient(), at=LATE)
    with store.transaction() as connection:
        assert following.finish(connection, "some", mark)
        assert [one.id for one in following.changed(connection, following.at(connection, "some"), 9)] == ["b"]
        assert not following.finish(connection, "some", mark), "once"


@pytest.mark.parametrize("when", [EARLY - 1, EARLY, EARLY + 1])
def test_what_is_written_below_the_mark_during_a_look_is_not_passed_over(store: Store, when: int) -> None:
    """Below the mark, but beyond the position: the position itself is not lowered by it."""
    put(store, "Patient", "a", patient(), at=EARLY)
    with store.transaction() as connection:
        mark = following.begin(connection, "some")
    put(store, "Patient", "b", patient(), at=when)
    with store.transaction() as connection:
        following.finish(connection, "some", mark)
        assert "b" in {one.id for one in following.changed(connection, following.at(connection, "some"), 9)}


def test_another_look_that_began_meanwhile_makes_the_first_raise_nothing(store: Store) -> None:
    with store.transaction() as connection:
        first = following.begin(connection, "some")
        second = following.begin(connection, "some")
        assert not following.finish(connection, "some", first)
        assert following.at(connection, "some") == Position(0, 0)
        assert following.finish(connection, "some", second)


def test_a_database_of_an_earlier_program_follows_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = next(number for number, script in enumerate(schema.MIGRATIONS) if "follower" in script)
    writer = connect(tmp_path / "some.db", KEY, writer=True)
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:before])
        schema.migrate(writer)
    writer.execute(
        "INSERT INTO due_position (one, rules, updated, key, walked, dropped) VALUES (1, 'r', 5, 1, NULL, 9)"
    )
    schema.migrate(writer)
    assert writer.execute("SELECT count(*) FROM due_position").fetchone() == (0,), "lists are derived anew"
    assert following.at(writer, "reminders") == Position(0, 0)
    writer.close()
