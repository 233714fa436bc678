"""A test of the test: mistakes that one could make in the product are planted one at a time, and the simulator finds each.

Each says what it breaks, with which faults it shows, and within how many seeds it must be found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from edge_node.store import exchange as stored
from edge_node.store import forking, leaving
from edge_node.store.connection import Connection
from edge_node.store.saving import Batch, Row
from edge_node.store.store import Store
from hub.pulling import Reader
from hub.store.feed import Pointer
from sync_protocol import elements, register
from sync_protocol import resource as resources
from sync_protocol.exchange import edge as edge_rules
from sync_protocol.exchange import hub as hub_rules
from sync_protocol.exchange.hub import Admission, Incarnation
from sync_protocol.exchange.messages import Push, Request
from sync_protocol.register import Context, Register, Stamp
from sync_protocol.resource import Resource
from tests.simulation.actors import SimulatedStore
from tests.simulation.memory_shard import MemoryHub, MemoryShard
from tests.simulation.records import Violation
from tests.simulation.simulation import simulate
from tests.simulation.world import Crash

Patch = pytest.MonkeyPatch


class Bug(NamedTuple):
    """`plant` changes the product; `kinds` of faults show it; it is found within `seeds`."""

    name: str
    plant: Callable[[Patch], None]
    kinds: Sequence[str]
    seeds: int


def edge_answers_before_its_commit(patch: Patch) -> None:
    """Somebody is told that it is saved, and then the power goes."""
    real = SimulatedStore.transaction

    @contextmanager
    def hasty(self: SimulatedStore) -> Iterator[Connection]:
        try:
            with real(self) as connection:
                yield connection
        except Crash:
            return

    patch.setattr(SimulatedStore, "transaction", hasty)


def hub_answers_before_its_commit(patch: Patch) -> None:
    """An edge is told that the hub has it, and then the hub ends."""
    real = MemoryHub.shard

    class Hasty:
        def __init__(self, hub: MemoryHub) -> None:
            self._real = real(hub)

        async def __aenter__(self) -> MemoryShard:
            return await self._real.__aenter__()

        async def __aexit__(self, *error: Any) -> bool:
            try:
                return bool(await self._real.__aexit__(*error))
            except Crash:
                return False

    patch.setattr(MemoryHub, "shard", lambda hub: Hasty(hub))


def a_write_forgets_what_it_saw(patch: Patch) -> None:
    """The context of a write names only itself."""
    real = register.write

    def forgetful(current: Register | None, seen: Context, stamp: Stamp, value: bytes | None) -> Register:
        made = real(current, seen, stamp, value)
        return Register(made.siblings, {s.stamp.node: s.stamp.counter for s in made.siblings})

    patch.setattr(register, "write", forgetful)


def the_cursor_moves_before_the_answer_came(patch: Patch) -> None:
    """What the lost answer would have told is not asked for again."""
    real = stored.prepare

    def early(store: Store, *arguments: Any) -> Any:
        outgoing = real(store, *arguments)
        with store.transaction() as connection:
            connection.execute("UPDATE scope SET seq = seq + 1 WHERE seq > 0")
        return outgoing

    patch.setattr(stored, "prepare", early)


def a_copy_is_not_found_out(patch: Patch) -> None:
    """Two lives give the same dots to different writes."""
    real = hub_rules.admit

    def trusting(rows: Mapping[int, Incarnation], reached: int, request: Request, receipt_key: bytes) -> Admission:
        return real({life: replace(row, token=b"") for life, row in rows.items()}, reached, request, receipt_key)

    patch.setattr(hub_rules, "admit", trusting)
    patch.setattr(edge_rules, "met_elsewhere", lambda *_: frozenset())


def a_join_drops_a_sibling(patch: Patch) -> None:
    """Of values written apart only the greatest is kept: the last writer wins."""
    real = register.join

    def lossy(a: Register, b: Register) -> Register:
        joined = real(a, b)
        return joined if joined is a else Register((joined.shown,), joined.context)

    for module in (resources, hub_rules):
        patch.setattr(module, "join", lossy)


def an_old_unsent_element_is_passed_over(patch: Patch) -> None:
    """Only what a resource's last write named is sent, and the watermark moves past the earlier ones."""
    real = stored._parts

    def last_only(connection: Connection, waiting: Sequence[tuple[int, int, str | None]], *rest: Any) -> Any:
        last = {key: row for row in waiting for key in [row[1]]}
        return real(connection, list(last.values()), *rest)

    patch.setattr(stored, "_parts", last_only)


def the_watermark_jumps(patch: Patch) -> None:
    """It moves to where a push ends, wherever that push began."""

    def jump(acked: int, pushes: Sequence[Push]) -> int:
        return max([acked, *(push.upto for push in pushes)]) + (1 if pushes else 0)

    patch.setattr(hub_rules, "watermark", jump)


def a_deletion_covers_what_its_author_had_not_seen(patch: Patch) -> None:
    """It takes the clock of what is here, not of what was on the screen."""
    real = elements.delete
    patch.setattr(elements, "delete", lambda current, seen, stamp: real(current, current, stamp))


def a_form_is_saved_against_the_latest(patch: Patch) -> None:
    """What came while the form was open counts as seen."""

    def latest(self: Batch, row: Row, version: str) -> Resource | None:
        return self.resource(row)

    patch.setattr(Batch, "version", latest)


def others_changes_are_taken_for_an_echo(patch: Patch) -> None:
    """A resource that the node wrote too is not sent to it."""
    real = MemoryShard.read_feed

    async def deaf(self: MemoryShard, scope: int, after: int, source: int | None, limit: int) -> list[Pointer]:
        own = {pointer.key for pointer in self.tables.feed.get(scope, ()) if pointer.source == source}
        return [pointer for pointer in await real(self, scope, after, source, limit) if pointer.key not in own]

    patch.setattr(MemoryShard, "read_feed", deaf)


def the_token_is_not_kept_before_it_is_sent(patch: Patch) -> None:
    """It is remembered only in memory: after a crash the hub takes the node for a copy of itself."""
    kept: dict[Store, tuple[bytes, int]] = {}
    prepare, take = stored.prepare, stored.take

    def careless(store: Store, *arguments: Any) -> Any:
        outgoing = prepare(store, *arguments)
        with store.transaction() as connection:
            kept[store] = connection.execute("SELECT token, highest FROM token").fetchone()
            connection.execute("DELETE FROM token")
        return outgoing

    def remembering(store: Store, *arguments: Any) -> Any:
        with store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO token (token, highest) VALUES (?, ?)", kept[store])
        return take(store, *arguments)

    patch.setattr(stored, "prepare", careless)
    patch.setattr(stored, "take", remembering)


def a_deleted_element_is_named_in_no_pointer(patch: Patch) -> None:
    """A pull leaves out what was removed."""
    real = Reader._present

    async def without(self: Reader, *arguments: Any) -> Any:
        parts, evicted = await real(self, *arguments)
        kept = [p.part(k for k, r in p.elements.items() if any(s.value is not None for s in r.siblings)) for p in parts]
        return [part for part in kept if part.elements], evicted

    patch.setattr(Reader, "_present", without)


def a_fork_leaves_the_contexts_as_they_were(patch: Patch) -> None:
    """Siblings have new names, but what was seen is still told in the old ones."""
    patch.setattr("sync_protocol.identity.Renaming.context", lambda self, context: context)


def a_process_goes_on_in_the_life_of_the_one_before(patch: Patch) -> None:
    """A backup that is copied back gives its dots a second meaning."""
    patch.setattr(forking, "restart", lambda connection, before, incarnation: before)


def what_left_may_be_entered_again_in_the_same_life(patch: Patch) -> None:
    """It seems to have seen all that this life wrote of it before."""
    real = leaving.let_go

    def quietly(*arguments: Any, **named: Any) -> bool:
        real(*arguments, **named)
        return False

    patch.setattr(leaving, "let_go", quietly)


def a_hub_that_went_back_is_obeyed_at_once(patch: Patch) -> None:
    """What it tells to let go of goes, though it may have forgotten what we know of it."""
    real = leaving.let_go

    def obedient(*arguments: Any, doubted: bool = False) -> bool:
        return bool(real(*arguments))

    patch.setattr(leaving, "let_go", obedient)


BUGS = (
    Bug("edge answers before its commit", edge_answers_before_its_commit, ["edge-crash"], 40),
    Bug("hub answers before its commit", hub_answers_before_its_commit, ["hub-crash"], 100),
    Bug("a write forgets what it saw", a_write_forgets_what_it_saw, [], 10),
    Bug("the cursor moves before the answer came", the_cursor_moves_before_the_answer_came, ["loss"], 20),
    Bug("a copy is not found out", a_copy_is_not_found_out, ["twin"], 40),
    Bug("a join drops a sibling", a_join_drops_a_sibling, [], 20),
    Bug("an old unsent element is passed over", an_old_unsent_element_is_passed_over, [], 20),
    Bug("the watermark jumps", the_watermark_jumps, [], 20),
    Bug("a deletion covers what was not seen", a_deletion_covers_what_its_author_had_not_seen, [], 100),
    Bug("a form is saved against the latest", a_form_is_saved_against_the_latest, [], 20),
    Bug("others' changes are taken for an echo", others_changes_are_taken_for_an_echo, [], 10),
    Bug("the token is not kept before it is sent", the_token_is_not_kept_before_it_is_sent, ["loss", "edge-crash"], 40),
    Bug("a pull leaves out what was removed", a_deleted_element_is_named_in_no_pointer, [], 20),
    Bug(
        "a process goes on in the life before",
        a_process_goes_on_in_the_life_of_the_one_before,
        ["hub-back", "copy", "clone"],
        200,
    ),
    Bug("what left comes back in the same life", what_left_may_be_entered_again_in_the_same_life, ["move"], 400),
    Bug(
        "a hub that went back is obeyed at once",
        a_hub_that_went_back_is_obeyed_at_once,
        ["hub-back", "move", "copy"],
        300,
    ),
    Bug("a fork leaves the contexts as they were", a_fork_leaves_the_contexts_as_they_were, ["twin"], 40),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    bug.plant(monkeypatch)
    for seed in range(bug.seeds):
        try:
            simulate(seed, bug.kinds)
        except Violation as found:
            with capsys.disabled():
                print(f"\n  found with seed {seed}: {found}")
            return
    pytest.fail(f"not found within {bug.seeds} seeds")
