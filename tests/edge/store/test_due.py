"""What is due is kept for lists over all patients, follows every change whatever the clock says, and costs writing nothing."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node import same_person
from edge_node.store import due, reading
from edge_node.store.due import Due, Rules
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from tests.edge.store import nodes

AMINA = Author("amina", "midwife")
TODAY = date(2026, 3, 10)


def visits(resources: Sequence[Mapping[str, Any]]) -> Iterable[Due]:
    """A rule for tests: each observation with a date is due from then, late a week after, over after a month."""
    for resource in resources:
        if resource["resourceType"] == "Observation":
            day = date.fromisoformat(resource["effectiveDateTime"])
            yield Due(
                "visit", resource["id"], day, day + timedelta(7), day + timedelta(30), {"said": resource["valueString"]}
            )


RULES = Rules("1", {"Observation": "subject"}, visits)


def put(store: Store, name: str, now_ms: int, **members: Any) -> None:
    """Stores a resource as it is given."""
    type_, _, id_ = name.partition("/")
    body = json.dumps({"resourceType": type_, "id": id_, **members}).encode()
    store.write([Write(type_, id_, body)], AMINA, now_ms)


def observe(store: Store, id_: str, now_ms: int, day: str, patient: str = "p", said: str = "x") -> None:
    """An observation about a patient."""
    about = {"subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": day, "valueString": said}
    put(store, f"Observation/{id_}", now_ms, status="final", code={"text": "Visit"}, **about)


def look(store: Store, rules: Rules = RULES, changes: int = 2) -> None:
    """Looks at all changes, few at a time."""
    while True:
        with store.transaction() as connection:
            if not due.catch_up(connection, rules, TODAY, changes):
                return


def listed(store: Store, today: date = TODAY, **asked: Any) -> list[str]:
    """The codes of the list."""
    with store.snapshot() as connection:
        return [entry.due.code for entry in due.of_list(connection, "visit", today=today, count=100, **asked)]


def test_a_list_is_in_order_of_dates_and_leaves_out_what_is_over(store: Store) -> None:
    put(store, "Patient/p", 1)
    for number, day in enumerate(("2026-03-01", "2026-03-12", "2026-01-01", "2026-02-20")):
        observe(store, f"o{number}", 10 + number, day)
    look(store)
    assert listed(store) == ["o3", "o0", "o1"]
    assert listed(store, since=TODAY) == ["o3", "o0"]
    assert listed(store, overdue_since=(None, TODAY)) == ["o3", "o0"]
    assert listed(store, overdue_since=(date(2026, 3, 1), TODAY)) == ["o0"]
    with store.snapshot() as connection:
        assert due.counts(connection, TODAY, TODAY + timedelta(7)) == {"visit": (3, 2)}


def test_a_change_and_a_deletion_are_followed(store: Store) -> None:
    put(store, "Patient/p", 1)
    observe(store, "o", 2, "2026-03-01")
    look(store)
    observe(store, "o", 3, "2026-03-05", said="y")
    look(store)
    with store.snapshot() as connection:
        (only,) = due.of_list(connection, "visit", today=TODAY, count=10)
    assert (only.due.since, only.due.about) == (date(2026, 3, 5), {"said": "y"})
    store.write([Write("Observation", "o", None)], AMINA, 4)
    look(store)
    assert listed(store) == []


def test_what_is_about_somebody_else_now_is_due_for_the_first_no_more(store: Store) -> None:
    put(store, "Patient/p", 1)
    put(store, "Patient/q", 1)
    observe(store, "o", 2, "2026-03-01")
    look(store)
    observe(store, "o", 3, "2026-03-01", patient="q")
    look(store)
    with store.snapshot() as connection:
        (only,) = due.of_list(connection, "visit", today=TODAY, count=10)
        assert only.patient == reading.key_of(connection, "Patient", "q")


def test_a_deleted_patient_has_nothing_due(store: Store) -> None:
    put(store, "Patient/p", 1)
    observe(store, "o", 2, "2026-03-01")
    look(store)
    store.write([Write("Patient", "p", None)], AMINA, 3)
    look(store)
    assert listed(store) == []


def test_other_rules_look_at_everything_again(store: Store) -> None:
    put(store, "Patient/p", 1)
    observe(store, "o", 2, "2026-03-01")
    look(store)
    nothing = Rules("2", RULES.subjects, lambda resources: ())
    with store.snapshot() as connection:
        assert due.waiting(connection, RULES, TODAY) == 0
        assert due.waiting(connection, nothing, TODAY) == 1, "one patient"
        assert due.is_current(connection, RULES, TODAY)
        assert not due.is_current(connection, nothing, TODAY)
    look(store, nothing)
    assert listed(store) == []


def test_looking_again_writes_nothing(store: Store) -> None:
    put(store, "Patient/p", 1)
    look(store)
    with store.transaction() as connection:
        before = connection.total_changes
        assert not due.catch_up(connection, RULES, TODAY)
        assert connection.total_changes == before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 28), st.booleans()), max_size=12))
def test_whatever_the_clock_says_each_change_is_followed(changes: list[tuple[int, int, int, bool]]) -> None:
    """Clocks go back, stand still, and looks come in between: in the end the list is that of a look from nothing."""
    with tempfile.TemporaryDirectory() as folder, nodes.opened(Path(folder)) as store:
        put(store, "Patient/p", 3)
        for number, clock, day, looks in changes:
            observe(store, f"o{number}", clock, f"2026-03-{day:02}")
            if looks:
                look(store, changes=1)
        look(store)
        kept = listed(store, date(2026, 3, 1))
        look(store, Rules("2", RULES.subjects, visits))
        assert kept == listed(store, date(2026, 3, 1))
        assert len(kept) == len({number for number, *_ in changes})


def test_a_change_during_a_look_from_nothing_is_followed_after_it(store: Store) -> None:
    for name in "pqr":
        put(store, f"Patient/{name}", 1)
        observe(store, name, 2, "2026-03-01", patient=name)
    with store.transaction() as connection:
        assert due.catch_up(connection, RULES, TODAY)
        assert due.catch_up(connection, RULES, TODAY, patients=2)
    observe(store, "p", 2, "2026-03-05", patient="p", said="moved")
    store.write([Write("Observation", "q", None)], AMINA, 2)
    look(store)
    with store.snapshot() as connection:
        found = due.of_list(connection, "visit", today=TODAY, count=10)
    assert [(entry.due.code, entry.due.about["said"]) for entry in found] == [("r", "x"), ("p", "moved")]


def test_many_changes_of_few_patients_are_worked_out_by_patient(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "ANEW_FROM", 5)
    put(store, "Patient/p", 1)
    look(store)
    for number in range(8):
        observe(store, f"o{number}", 10 + number, "2026-03-01")
    derived = 0

    def counting(found: Sequence[Mapping[str, Any]]) -> Iterable[Due]:
        nonlocal derived
        derived += 1
        return visits(found)

    look(store, Rules(RULES.version, RULES.subjects, counting))
    assert derived == 1
    assert len(listed(store)) == 8


def test_records_that_were_merged_are_one_person_on_a_list(store: Store) -> None:
    for name in "pq":
        put(store, f"Patient/{name}", 1)
        observe(store, name, 2, "2026-03-01", patient=name)
    look(store)
    kept, other = store.read("Patient", "p"), store.read("Patient", "q")
    assert kept is not None
    assert other is not None
    store.write(same_person.merge(kept, other), AMINA, 3)
    look(store)
    with store.snapshot() as connection:
        found = due.of_list(connection, "visit", today=TODAY, count=10)
        assert {(entry.patient, entry.due.code) for entry in found} == {(kept.key, "p"), (kept.key, "q")}
    observe(store, "q2", 4, "2026-03-02", patient="q")
    look(store)
    assert listed(store) == ["p", "q", "q2"], "what is written under the other record is followed, too"
    merged = [store.read("Patient", name) for name in "pq"]
    assert merged[0] is not None
    assert merged[1] is not None
    store.write(same_person.part(merged[0], merged[1]), AMINA, 5)
    look(store)
    with store.snapshot() as connection:
        found = due.of_list(connection, "visit", today=TODAY, count=10)
        assert {(entry.patient, entry.due.code) for entry in found} == {
            (kept.key, "p"),
            (other.key, "q"),
            (other.key, "q2"),
        }


def test_what_a_clock_that_was_ahead_dropped_comes_back(store: Store) -> None:
    put(store, "Patient/p", 1)
    observe(store, "o", 2, "2026-03-01")
    with store.transaction() as connection:
        while due.catch_up(connection, RULES, TODAY.replace(year=2028)):
            pass
    assert listed(store) == []
    look(store)
    assert listed(store) == ["o"]


def test_a_record_that_the_rules_fail_on_is_told_and_keeps_nobody_else_from_the_list(store: Store) -> None:
    for name in "pq":
        put(store, f"Patient/{name}", 1)
        observe(store, name, 2, "2026-03-01", patient=name)

    def failing(resources: Sequence[Mapping[str, Any]]) -> Iterable[Due]:
        if resources[0]["id"] == "p":
            raise ValueError("Amina")
        return visits(resources)

    look(store, Rules("1", RULES.subjects, failing))
    assert listed(store) == ["q"]
    with store.snapshot() as connection:
        (unread,) = due.of_list(connection, due.UNREAD, today=TODAY, count=10)
        assert unread.patient == reading.key_of(connection, "Patient", "p")
        assert unread.due.about == {"error": "ValueError"}, "and nothing of the record"


def test_a_slice_ends_when_it_is_enough_and_nothing_is_passed_over(store: Store) -> None:
    """One patient at a time, whoever is followed and when all is derived anew."""
    for name in ("p", "q", "r"):
        put(store, f"Patient/{name}", 1)
        observe(store, f"o-{name}", 2, "2026-03-01", patient=name)
    slices = 0
    for _ in range(2):
        more = True
        while more:
            with store.transaction() as connection:
                more = due.catch_up(connection, RULES, TODAY, enough=lambda: True)
            slices += 1
        assert listed(store) == ["o-p", "o-q", "o-r"]
        for name in ("p", "q", "r"):
            observe(store, f"o-{name}", 3, "2026-03-01", patient=name, said="again")
    assert slices > 6


def test_what_stays_due_is_not_written_again(store: Store) -> None:
    """A woman of many years has many rows: a change of one writes one."""
    put(store, "Patient/p", 1)
    for number in range(20):
        observe(store, f"o{number}", 2, "2026-03-01")
    look(store)
    observe(store, "o5", 3, "2026-03-02")
    with store.transaction() as connection:
        before = connection.execute("SELECT total_changes()").fetchone()[0]
        while due.catch_up(connection, RULES, TODAY):
            pass
        written = connection.execute("SELECT total_changes()").fetchone()[0] - before
    assert written <= 4, "one row goes, one comes, and how far it is"
    assert len(listed(store)) == 20
