"""Who is admitted as whom: retries, forks, hubs that went back; the watermark; standing; where pulls begin; pace."""

import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sync_protocol import bounds
from sync_protocol.exchange import edge, hub, pulling
from sync_protocol.exchange.edge import Standing
from sync_protocol.exchange.hub import Incarnation
from sync_protocol.exchange.messages import Answer, Cursor, Push, Request
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import Resource
from tests.laws.strategies import stamp_of

KEY = b"receipts"
A, B, C, D = (bytes([i]) * bounds.TOKEN_BYTES for i in range(1, 5))


def request(token: bytes, *known: bytes, receipt: bytes = b"", unfinished: tuple[int, ...] = ()) -> Request:
    return Request(incarnation=5, base=3, token=token, known=list(known), receipt=receipt, unfinished=list(unfinished))


def rows(*found: Incarnation | None) -> dict[int, Incarnation]:
    return {row.id: row for row in found if row is not None}


ROW = Incarnation(5, base=3, acked=9, safe=4, token=A, exchanges=7)


@pytest.mark.parametrize(
    ("row", "asked", "decision", "token", "exchanges"),
    [
        (None, request(A, A), "new", A, 1),
        (ROW, request(B, A, B), "merge", B, 8),
        (ROW, request(A, C, A), "retry", A, 8),
        (ROW, request(A), "retry", A, 8),
        (ROW, request(B, B, C), "fork", A, 7),
        (ROW, request(B), "fork", A, 7),
        (Incarnation(5), request(B, C, B), "new", B, 1),
    ],
)
def test_admission_without_receipt(
    row: Incarnation | None, asked: Request, decision: str, token: bytes, exchanges: int
) -> None:
    admission = hub.admit(rows(row), 9, asked, KEY)
    assert (admission.decision, admission.row.token, admission.row.exchanges) == (decision, token, exchanges)
    if row is not None and row.exchanges:
        kept = (admission.row.id, admission.row.base, admission.row.acked, admission.row.safe)
        assert kept == (5, row.base, row.acked, row.safe)
    else:
        assert (admission.row.base, admission.row.acked, admission.row.safe) == (3, 3, 0)


@given(st.integers(0, 20), st.integers(0, 20), st.booleans(), st.sampled_from([A, B, C]), st.booleans())
def test_a_newer_receipt_means_that_the_hub_went_back(
    proved: int, remembered: int, has_row: bool, token: bytes, others: bool
) -> None:
    row = Incarnation(5, 3, 4, 0, A, remembered) if has_row else None
    receipt = hub.receipt(Incarnation(6 if others else 5, token=C, exchanges=proved), KEY)
    admission = hub.admit(rows(row), 9, request(token, C, receipt=receipt), KEY)
    went_back = proved > (remembered if has_row and not others else 0)
    assert (admission.decision == "went-back") == admission.proven == went_back
    if went_back:
        assert admission.row.token == token
        # The same request again, its answer lost, is taken no more than the first time.
        again = admission
        for times in (1, 2):
            again = hub.admit(rows(again.row), 9, request(token, C, receipt=receipt), KEY)
            assert (again.decision, again.proven) == ("went-back", True)
            assert others or again.row == replace(admission.row, exchanges=admission.row.exchanges + times)
        assert admission.row.exchanges == (
            proved + hub.LOST_EXCHANGES if not others else 1 + (remembered if has_row else 0)
        )
        # What it answered is no news to it.
        told = hub.receipt(again.row, KEY)
        assert hub.admit(rows(again.row), 9, request(D, token, receipt=told), KEY).decision == "merge"


def test_an_earlier_life_proves_once_that_the_hub_went_back() -> None:
    """An older request with the same receipt, repeated by the network, took the place of what the node had sent since (seed 2001124)."""
    receipt = hub.receipt(Incarnation(6, token=C, exchanges=4), KEY)
    earlier = Incarnation(6, token=C, exchanges=2)
    admission = hub.admit(rows(earlier), 9, request(B, A, C, receipt=receipt), KEY)
    assert (admission.decision, admission.proven) == ("went-back", True)
    kept = rows(admission.row, admission.proof)
    assert hub.admit(kept, 9, request(B, A, C, receipt=receipt), KEY).proven, "its answer may have got lost"
    assert hub.admit(kept, 9, request(A, C, receipt=receipt), KEY).decision == "fork"


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 255))
def test_a_receipt_that_this_hub_did_not_make_proves_nothing(garbage: bytes, at: int, change: int) -> None:
    true = hub.receipt(ROW, KEY)
    found = hub.read_receipt(true, KEY)
    assert found is not None
    assert (found.incarnation, found.exchanges, found.token) == (5, 7, A)
    at %= len(true)
    changed = true[:at] + bytes([true[at] ^ change]) + true[at + 1 :]
    for raw in (garbage, changed, true[:-1], b""):
        assert hub.read_receipt(raw, KEY) is None
    assert hub.read_receipt(true, b"another") is None
    assert hub.admit(rows(ROW), 9, request(B, receipt=changed), KEY).decision == "fork"


def test_a_new_life_answers_for_those_that_are_not_finished() -> None:
    """Its tokens must be theirs; in which of them somebody else went on is told."""
    earlier, older = Incarnation(4, 0, 3, 0, A, 2), Incarnation(3, 0, 2, 0, A, 2)
    decisions = {
        known: hub.admit(rows(earlier, older), 9, request(B, *known, unfinished=(3, 4)), KEY)
        for known in ((A,), (B, A), (C,), ())
    }
    assert {known: admission.decision for known, admission in decisions.items()} == {
        (A,): "new",
        (B, A): "new",
        (C,): "fork",
        (): "fork",
    }
    assert decisions[()].forked == (3, 4)
    one_went_on = rows(earlier, replace(older, token=C))
    assert hub.admit(one_went_on, 9, request(B, A, unfinished=(3, 4)), KEY).forked == (3,)
    assert hub.admit(rows(), 9, request(B, unfinished=(3, 4)), KEY).decision == "new"


def test_a_life_that_only_others_named_is_new_when_it_calls() -> None:
    """The same token was outstanding in both copies: taken for a retry, it never counted as here, and what it had was forgotten."""
    named = Incarnation(5, token=B)
    first = hub.admit(rows(named), 9, request(B, A), KEY)
    assert (first.decision, first.row.acked, first.row.exchanges) == ("new", 3, 1)
    assert hub.admit(rows(first.row), 0, request(B, A), KEY).decision == "retry"
    assert hub.admit(rows(named), 9, request(C, A), KEY).decision == "fork"


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_new_life_that_was_acknowledged_more_than_is_stored_shows_that_the_hub_went_back(
    base: int, reached: int
) -> None:
    admission = hub.admit({}, reached, Request(incarnation=5, base=base, token=A), KEY)
    assert admission.decision == ("went-back" if base > reached else "new")
    assert (admission.row.base, admission.row.acked) == (min(base, reached),) * 2
    again = hub.admit(rows(admission.row), reached, Request(incarnation=5, base=base, token=A), KEY)
    assert again.decision == ("went-back" if base > reached else "retry")
    assert not admission.proven
    assert not again.proven


class Machine(NamedTuple):
    """A node's disk: what a copy of it has too."""

    standing: Standing
    fresh: int


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["answered", "lost", "never"])), max_size=16),
    st.integers(0, 8),
)
def test_one_machine_is_never_a_fork_and_two_under_one_name_soon_are(
    story: list[tuple[int, str]], copied_after: int
) -> None:
    """Answers get lost in any way; then the machine is copied, and both go on."""
    row: Incarnation | None = None
    machines = [Machine(Standing(5, 10, 0, 0), 0)]
    exchanged: set[int] = set()
    for turn, (who, how) in enumerate(story):
        if turn == copied_after:
            machines.append(machines[0])
            exchanged = set()
        at = who % len(machines)
        token = bytes([at + 1, turn + 1]) + bytes(bounds.TOKEN_BYTES - 2)
        standing = edge.begin(machines[at].standing, token)
        assert edge.begin(standing, C) == standing, "an exchange without answer is repeated under its token"
        machines[at] = Machine(standing, turn)
        if how == "never":
            continue
        asked = Request(incarnation=5, token=standing.sent, known=standing.known, receipt=standing.receipt)
        admission = hub.admit(rows(row), 10, asked, KEY)
        if len(machines) == 1:
            assert admission.decision != "fork"
        elif admission.decision == "fork":
            assert len(exchanged | {at}) == 2, "only where two have spoken is one a copy"
            return
        assert admission.decision != "went-back"
        row = admission.row
        exchanged.add(at)
        if how == "answered":
            answer = Answer(acked=5, receipt=hub.receipt(row, KEY))
            machines[at] = Machine(edge.answered(standing, standing.sent, answer).standing, turn)


# --- the edge's standing ---------------------------------------------------------------------------------------------

STANDING = Standing(5, 20, 10, 6, confirmed=A, sent=B, highest=18, receipt=b"old")


def test_an_answer_moves_the_standing_on() -> None:
    outcome = edge.answered(STANDING, B, Answer(acked=18, safe=12, receipt=b"new"))
    assert outcome == edge.Outcome(Standing(5, 20, 18, 12, confirmed=B, receipt=b"new"))
    assert outcome.standing.known == [B]
    assert edge.begin(outcome.standing, C).known == [B, C]
    assert edge.begin(outcome.standing, C).highest == 20


def test_a_late_answer_changes_nothing_and_a_fork_confirms_nothing() -> None:
    assert edge.answered(STANDING, A, Answer(acked=18)) == edge.Outcome(STANDING)
    told = Answer(verdict="fork", forked=[5], acked=18)
    assert edge.answered(STANDING, B, told) == edge.Outcome(STANDING, fork=frozenset({5}))


def test_what_a_new_life_keeps_of_the_one_before() -> None:
    """After a restart or a fork all; after a restore nothing but the counters."""
    assert edge.restarted(STANDING, 99) == replace(STANDING, incarnation=99)
    assert edge.restored(STANDING, 99) == Standing(99, 20, 10, 6)


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_is_safe_never_goes_back_and_what_is_lost_is_offered_again(acked: int, safe: int) -> None:
    outcome = edge.answered(STANDING, B, Answer(acked=acked, safe=safe))
    after = outcome.standing
    assert outcome.lost == (acked < STANDING.acked)
    assert after.acked == min(acked, STANDING.counter)
    assert after.safe >= STANDING.safe
    assert after.safe <= max(STANDING.safe, after.acked)


def arrived(counter: int, value: bytes | None, context: dict[int, int], turn: int = 0) -> Resource:
    return Resource("P", "1", {"a": Register((Sibling(stamp_of(5, counter, turn), value),), context)})


def test_a_node_knows_when_it_meets_its_own_other_life() -> None:
    mine = {"P/1": arrived(3, b"1", {5: 3})}
    lives = {5: 7, 4: 2}
    for met, expected in (
        (arrived(3, b"1", {5: 3}), False),
        (arrived(3, b"2", {5: 3}), True),
        (arrived(3, b"1", {5: 3}, 3), True),
        (arrived(3, WITHHELD, {5: 3}), False),
        (arrived(2, b"2", {5: 7}), False),
        (arrived(8, b"1", {5: 8}), True),
        (Resource("P", "1", {"a": Register((Sibling(stamp_of(6, 1, 0), b"1"),), {6: 1, 5: 8})}), True),
        (Resource("P", "1", {"a": Register((Sibling(stamp_of(6, 9, 0), b"1"),), {6: 9})}), False),
    ):
        assert edge.met_elsewhere([met], lives, mine) == (frozenset({5}) if expected else frozenset())
    assert not edge.met_elsewhere([arrived(3, b"2", {5: 3})], lives, {})


def test_offset_is_measured_in_the_middle() -> None:
    assert edge.offset_ms(1000, 3000, 12_000) == 10_000


# --- watermark -------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_watermark_covers_only_what_came_without_a_gap(
    acked: int, spans: list[tuple[int, int]], chance: random.Random
) -> None:
    pushes = [Push(base, upto, b"") for base, upto in spans]
    after = hub.watermark(acked, pushes)
    covered = {n for base, upto in spans for n in range(base + 1, upto + 1)}
    assert after >= acked
    assert all(n in covered for n in range(acked + 1, after + 1))
    assert after + 1 not in covered or all(not base <= after < upto for base, upto in spans)
    chance.shuffle(pushes)
    assert hub.watermark(acked, pushes) == after
    assert hub.watermark(after, pushes) == after


# --- pulling across a hub's lives -------------------------------------------------------------------------------------


class Timeline(NamedTuple):
    """A hub's feed, as its database holds it: pointers with their seq being the place in the list, and the epochs' starts."""

    pointers: list[int]
    lineage: list[tuple[int, int]]


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "write", "pull", "pull", "start", "backup", "restore"]), st.integers(0, 5)),
        max_size=40,
    )
)
def test_no_pointer_is_ever_missed_whatever_lives_the_hub_has_had(story: list[tuple[str, int]]) -> None:
    fresh = iter(range(1, 1000))
    feed = Timeline([], [(next(fresh), 0)])
    backups = [feed]
    cursors: dict[int, Cursor] = {0: Cursor("s"), 1: Cursor("s")}
    had: dict[int, set[int]] = {0: set(), 1: set()}
    for what, n in story:
        if what == "write":
            feed = Timeline([*feed.pointers, *(next(fresh) for _ in range(n))], feed.lineage)
        elif what == "backup":
            backups.append(feed)
        elif what in ("start", "restore"):
            # Every process, and so every restored hub too, writes under an epoch of its own.
            feed = backups[n % len(backups)] if what == "restore" else feed
            feed = Timeline(feed.pointers, [*feed.lineage, (next(fresh), len(feed.pointers))])
        else:
            who, budget = n % 2, 1 + n
            cursor = cursors[who]
            start = pulling.pull_from(cursor, len(feed.pointers), feed.lineage)
            assert 0 <= start <= len(feed.pointers)
            assert set(feed.pointers[:start]) <= had[who], "what is skipped was seen"
            end = min(len(feed.pointers), start + budget)
            had[who] |= set(feed.pointers[start:end])
            cursors[who] = advanced(cursor, feed.lineage[-1][0], end)


def advanced(cursor: Cursor, epoch: int, seq: int) -> Cursor:
    """An edge's cursor after a pull: a new epoch puts the last seq of the old one into the lineage, newest first."""
    if cursor.epoch in (0, epoch):
        return Cursor("s", epoch, seq, cursor.lineage)
    lineage = [(cursor.epoch, cursor.seq), *cursor.lineage][: bounds.LINEAGE_EPOCHS_MAX]
    return Cursor("s", epoch, seq, lineage)


def test_pulling_begins_where_both_remember() -> None:
    lineage = [(1, 0), (2, 60), (3, 90)]
    for cursor, start in (
        (Cursor("s"), 0),
        (Cursor("s", 3, 95), 95),
        (Cursor("s", 2, 70), 70),
        (Cursor("s", 2, 100), 90),
        (Cursor("s", 9, 500, [(1, 100)]), 60),
        (Cursor("s", 9, 500, [(8, 3), (1, 10)]), 10),
        (Cursor("s", 9, 500), 0),
    ):
        assert pulling.pull_from(cursor, 99, lineage) == start
    assert pulling.pull_from(Cursor("s", 1, 5), 0, []) == 0


def test_only_the_named_elements_are_sent() -> None:
    register = Register((Sibling(stamp_of(1, 1, 0), b"1"),), {1: 1})
    resource = Resource("P", "1", dict.fromkeys(("a", "b", "c"), register))

    def hash_of(element: str) -> bytes:
        return element.encode() * 4

    assert pulling.named(resource, None, hash_of) is resource
    assert pulling.named(resource, b"aaaaccccdddd", hash_of).elements.keys() == {"a", "c"}
    assert pulling.named(resource, b"", hash_of).elements == {}
