"""The store's part in an exchange: what to send, and what an answer changes, each in one transaction.

The decisions are `sync_protocol.exchange.edge`; here are the rows they are made from and the rows they become.
"""

from collections.abc import Callable, Sequence

import msgspec

from edge_node.store import digests, forking, leaving, merging, roster, rows
from edge_node.store.collector import without_collector
from edge_node.store.connection import Connection
from edge_node.store.model import MergeReport
from edge_node.store.reconciling import Question
from edge_node.store.saving import Batch
from edge_node.store.schema import HOME_SCOPE
from edge_node.store.standing import Lives, lives_of, standing, store_standing
from edge_node.store.store import Store
from sync_protocol import bounds, digest, frame
from sync_protocol.compression import FRAME_LEVEL, LATEST, Codec
from sync_protocol.errors import TooLarge
from sync_protocol.exchange import edge as rules
from sync_protocol.exchange import pace as paces
from sync_protocol.exchange.edge import Standing
from sync_protocol.exchange.messages import Answer, Cursor, Pull, Push, Request
from sync_protocol.exchange.pace import Pace
from sync_protocol.resource import Resource

DOUBTED = "hub-went-back"
"""Name in `meta`: the hub lost what this node had seen at it, and the two have not been found equal since."""
UNSHOWN = "hub-not-shown"
"""Name in `meta`: the hub went back, and has not yet been shown what this node holds; its value rises each time it does."""
KEYS_A_QUERY = 500


class Outgoing(msgspec.Struct, frozen=True):
    """A request about to be sent, and what is needed to take its answer."""

    request: Request
    keys: tuple[int, ...]
    """The resources that it pushes."""
    sent_ms: int


class Taken(msgspec.Struct, frozen=True):
    """What an answer did. `more`: another exchange should follow at once. `equal`: scope → whether its digest is the hub's,
    only for the scopes that could be compared. `unshown`, not 0: the hub went back, and has to be shown what we hold before anything
    else; what `shown` is told afterwards. `parting`: it has to be given what it says to let go of."""

    pulled: int = 0
    conflicts: int = 0
    quarantined: int = 0
    forked: bool = False
    unshown: int = 0
    parting: bool = False
    more: bool = False
    pending: int = 0
    equal: dict[str, bool] = {}


# --- the link's pace --------------------------------------------------------------------------------------------------


def read_pace(connection: Connection) -> Pace:
    """How the link has been lately."""
    text = connection.execute("SELECT pace FROM sync").fetchone()[0]
    return msgspec.json.decode(text, type=Pace) if text else Pace()


def store_pace(connection: Connection, pace: Pace) -> None:
    """Remember how the link is."""
    connection.execute("UPDATE sync SET pace = ?", (msgspec.json.encode(pace).decode(),))


# --- sending ----------------------------------------------------------------------------------------------------------


def prepare(store: Store, fresh_token: bytes, now_ms: int, program: str, question: Question | None = None) -> Outgoing:
    """The next request. Its token is stored before this returns: a copy of this database cannot go on unnoticed.

    With a question it is a round of a reconciliation, which pushes and pulls nothing else. A hub that went back is pushed nothing
    before it has been shown what is here.
    """
    with store.writing(lambda connection: question is None and _pending(connection) > 0) as connection:
        begun = rules.begin(standing(connection), fresh_token)
        store_standing(connection, begun)
        lives = lives_of(connection)
        pace = read_pace(connection)
        silent = question is not None or _unshown(connection) > 0
        push, keys, pace = (None, (), pace) if silent else _push(connection, begun, lives, pace)
        store_pace(connection, pace)
        waiting = connection.execute("SELECT count(*) FROM outbox WHERE counter > ?", (begun.acked,)).fetchone()[0]
        request = Request(
            incarnation=begun.incarnation,
            base=begun.acked,
            token=begun.sent,
            known=begun.known,
            lives=list(lives.others),
            unfinished=list(lives.unfinished),
            receipt=begun.receipt,
            push=[push] if push is not None else [],
            elsewhere=_elsewhere(connection, keys),
            pull=_cursors(connection) if question is None else [],
            budget_bytes=pace.frame_bytes,
            clock_ms=now_ms,
            pending=waiting,
            program=program,
            compare=question.scope if question is not None else "",
            ranges=question.ranges if question is not None else [],
            wanted=question.wanted if question is not None else [],
            offer=question.offer if question is not None else b"",
            people=roster.held(connection) if question is None else None,
            recalled=roster.recalled(connection) if question is None else [],
        )
    return Outgoing(request, keys, now_ms)


def _push(
    connection: Connection, begun: Standing, lives: Lives, pace: Pace
) -> tuple[Push | None, tuple[int, ...], Pace]:
    """The next outbox rows past `acked` as one frame, as many as the pace allows."""
    limit = paces.resources_per_frame(pace)
    highest = min(begun.highest, lives.reach)
    while True:
        waiting = connection.execute(
            "SELECT counter, key, elements FROM outbox WHERE counter > ? AND counter <= ? ORDER BY counter LIMIT ?",
            (begun.acked, highest, limit),
        ).fetchall()
        if not waiting:
            return None, (), pace
        found = _parts(connection, waiting, begun, lives)
        parts = list(found.values())
        try:
            packed = frame.encode(parts, Codec(LATEST, FRAME_LEVEL)) if parts else b""
            if len(packed) > bounds.FRAME_BYTES_MAX:
                raise TooLarge(f"a frame of {len(packed)} bytes")
        except TooLarge:
            if limit == 1:
                raise
            limit = max(1, min(limit, len(waiting)) // 2)
            continue
        if len(packed) > paces.most_bytes(pace) and len(waiting) > 1:
            pace = paces.measured(pace, len(parts), len(packed))
            limit = max(1, len(waiting) * paces.aimed_bytes(pace) // len(packed))
            continue
        upto = waiting[-1][0] if len(waiting) == limit else highest
        return Push(begun.acked, upto, packed), tuple(found), paces.measured(pace, len(parts), len(packed))


def _parts(
    connection: Connection, waiting: Sequence[tuple[int, int, str | None]], begun: Standing, lives: Lives
) -> dict[int, Resource]:
    """Key → the present registers of what outbox rows name, each resource once."""
    named: dict[int, set[str] | None] = {}
    for _, key, text in waiting:
        before = named.get(key, set())
        named[key] = None if text is None or before is None else before | set(msgspec.json.decode(text, type=list[str]))
    parts = {}
    own = lives.names | {begun.incarnation}
    counted = frozenset(lives.unfinished) | {begun.incarnation}
    for key, resource in _resources(connection, list(named)):
        part = rules.sendable(resource, named[key], own, begun.highest, counted)
        if part is not None:
            parts[key] = part
    return parts


def _elsewhere(connection: Connection, keys: Sequence[int]) -> list[tuple[str, str, str]]:
    """Those of the pushed that are in another scope than this node's own facility: only a point of presence has such."""
    found = connection.execute(
        "SELECT resource.type, resource.id, name FROM json_each(?) AS wanted JOIN resource ON resource.key = wanted.value"
        " JOIN scope ON scope.id = resource.scope WHERE scope.id <> ?",
        (msgspec.json.encode(keys).decode(), HOME_SCOPE),
    )
    return [(rows.type_name(connection, type_), id_, scope) for type_, id_, scope in found.fetchall()]


def _resources(connection: Connection, keys: Sequence[int]) -> list[tuple[int, Resource]]:
    found = []
    names: dict[int, str] = {}
    for start in range(0, len(keys), KEYS_A_QUERY):
        chunk = keys[start : start + KEYS_A_QUERY]
        marks = ",".join("?" * len(chunk))
        query = f"SELECT key, type, id, state FROM resource WHERE key IN ({marks}) AND state IS NOT NULL ORDER BY key"
        for key, type_, id_, state in connection.execute(query, chunk):
            if type_ not in names:
                names[type_] = rows.type_name(connection, type_)
            found.append((key, rows.resource_of(names[type_], id_, state)))
    return found


def _cursors(connection: Connection) -> list[Cursor]:
    lineage: dict[int, list[tuple[int, int]]] = {}
    for scope, epoch, seq in connection.execute("SELECT scope, epoch, seq FROM lineage ORDER BY number DESC"):
        lineage.setdefault(scope, []).append((epoch, seq))
    return [
        Cursor(name, epoch, seq, lineage.get(id_, [])[: bounds.LINEAGE_EPOCHS_MAX])
        for id_, name, epoch, seq in connection.execute("SELECT id, name, epoch, seq FROM scope WHERE kind <> 'local'")
    ]


# --- taking an answer -------------------------------------------------------------------------------------------------


@without_collector()
def take(
    store: Store,
    outgoing: Outgoing,
    answer: Answer,
    now_ms: int,
    new_incarnation: Callable[[], int],
    elapsed_ms: int = 0,
) -> Taken:
    """What an answer changes, all in one transaction: acknowledgement, frames, cursors, evictions, a fork.

    Raises MalformedData or TooLarge for a frame that does not open: nothing is changed, and it is asked for again.
    """
    pulls = [(pull, frame.decode(pull.frame) if pull.frame else []) for pull in answer.pulls]
    states = frame.decode(answer.states) if answer.states else []
    with store.transaction() as connection:
        before = standing(connection)
        outcome = rules.answered(before, outgoing.request.token, answer)
        if outcome.fork:
            forking.fork(connection, before, new_incarnation(), outcome.fork)
            return Taken(forked=True, more=True, pending=_pending(connection))
        store_standing(connection, outcome.standing)
        if outcome.lost:
            forking.lost(connection, standing(connection), new_incarnation())
        _note_exchange(connection, outgoing, answer, now_ms, elapsed_ms)
        for name, kind in answer.scopes:
            _know_scope(connection, name, kind)
        if outgoing.request.people is not None:
            roster.take(connection, answer, now_ms)
        report, forked, left = _apply(connection, pulls, now_ms, new_incarnation)
        if states:
            scope = _scope(connection, outgoing.request.compare)
            merging.merge(connection, states, scope, now_ms)
            leaving.settle(connection, states, scope)
        if outcome.lost or any(pull.cut for pull in answer.pulls):
            connection.execute(
                "INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
                (UNSHOWN,),
            )
        if left:  # who enters it again has not seen what this life wrote of it
            forking.restart(connection, standing(connection), new_incarnation())
        _note_held(connection, outgoing, answer)
        pending = _pending(connection)
        # What is parked makes digests differ until its dependency comes; to a hub that went back it may have to be given.
        early = bool(pending) or forked or (answer.parked > 0 and not _is_doubted(connection))
        equal = {} if early else _compare(connection, answer.pulls)
        if equal and all(equal.values()) and not answer.parked:
            connection.execute("DELETE FROM meta WHERE name = ?", (DOUBTED,))
        more = outcome.lost or forked or bool(answer.scopes) or any(pull.more for pull in answer.pulls)
        # A request that failed is sent again as it was: what was written since goes with the next one.
        progress = outcome.standing.acked > before.acked or before.highest < before.counter
        return Taken(
            pulled=sum(len(parts) for _, parts in pulls),
            conflicts=report.conflicts,
            quarantined=report.quarantined,
            forked=forked,
            unshown=_unshown(connection),
            parting=bool(leaving.unoffered(connection)),
            more=more or (pending > 0 and progress),
            pending=pending,
            equal=equal,
        )


def _is_doubted(connection: Connection) -> bool:
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?)", (DOUBTED,)).fetchone()[0])


def _unshown(connection: Connection) -> int:
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (UNSHOWN,)).fetchone()
    return int(found[0]) if found is not None else 0


def shown(store: Store, mark: int) -> None:
    """The hub has been shown everything, unless it went back once more meanwhile."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE name = ? AND value = ?", (UNSHOWN, mark))


def failed(store: Store, reason: str) -> None:
    """No answer came: smaller frames next time, and the reason in words for people."""
    with store.transaction() as connection:
        store_pace(connection, paces.failed(read_pace(connection)))
        connection.execute("UPDATE sync SET last_error = ?", (reason,))


def _note_exchange(connection: Connection, outgoing: Outgoing, answer: Answer, now_ms: int, elapsed_ms: int) -> None:
    offset = rules.offset_ms(outgoing.sent_ms, now_ms, answer.clock_ms) if answer.clock_ms else None
    connection.execute(
        "UPDATE sync SET last_sync = ?, last_error = NULL, clock_offset_ms = coalesce(?, clock_offset_ms)",
        (now_ms, offset),
    )
    sent = sum(len(push.frame) for push in outgoing.request.push)
    received = sum(len(pull.frame) for pull in answer.pulls)
    store_pace(connection, paces.succeeded(read_pace(connection), elapsed_ms, sent, received, answer.credit_bytes))


def _scope(connection: Connection, name: str) -> int:
    return int(connection.execute("SELECT id FROM scope WHERE name = ?", (name,)).fetchone()[0])


def _know_scope(connection: Connection, name: str, kind: str) -> None:
    connection.execute(
        "INSERT INTO scope (name, kind, digest) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (name, kind, digest.to_bytes(digest.EMPTY)),
    )


def _apply(
    connection: Connection,
    pulls: Sequence[tuple[Pull, list[Resource]]],
    now_ms: int,
    new_incarnation: Callable[[], int],
) -> tuple[MergeReport, bool, bool]:
    """Merge what was pulled and move the cursors. A node that meets its own unknown dots forks before it merges.

    Returns too whether it did, and whether anything left."""
    forked = left = False
    total = MergeReport(0, 0, 0)
    evicted: list[tuple[list[tuple[str, str]], int]] = []
    for pull, parts in pulls:
        row = connection.execute("SELECT id, epoch, seq FROM scope WHERE name = ?", (pull.scope,)).fetchone()
        if row is None:
            continue
        scope, epoch, seq = row
        met = _met_elsewhere(connection, parts)
        if met:
            forking.fork(connection, standing(connection), new_incarnation(), met)
            forked = True
        report = merging.merge(connection, parts, scope, now_ms)
        total = MergeReport(
            total.changed + report.changed, total.conflicts + report.conflicts, total.quarantined + report.quarantined
        )
        leaving.settle(connection, parts, scope)
        evicted.append((pull.evicted, scope))
        if pull.cut:
            connection.execute("INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT DO NOTHING", (DOUBTED,))
        if epoch not in (0, pull.epoch):
            connection.execute(
                "INSERT OR REPLACE INTO lineage (scope, epoch, seq) VALUES (?, ?, ?)",
                (scope, epoch, seq),
            )
        connection.execute("UPDATE scope SET epoch = ?, seq = ? WHERE id = ?", (pull.epoch, pull.seq, scope))
    for names, scope in evicted:  # last: what went over into another of our scopes has not left
        left |= leaving.let_go(connection, names, scope, now_ms, doubted=_is_doubted(connection))
    return total, forked, left


def _met_elsewhere(connection: Connection, parts: Sequence[Resource]) -> frozenset[int]:
    """Those of this node's unfinished lives in which somebody else goes on."""
    now = standing(connection)
    lives = {**lives_of(connection).unfinished, now.incarnation: now.counter}
    return rules.met_elsewhere(parts, lives, _present(connection, rules.of_lives(parts, lives)))


def _present(connection: Connection, parts: Sequence[Resource]) -> dict[str, Resource]:
    """Our states of these resources."""
    named = [(part.type, part.id) for part in parts]
    batch = Batch(connection, 0)
    batch.load(named)
    found = [batch.row(name) for name in named]
    return {f"{row.type}/{row.id}": batch.resource(row) for row in found if row is not None and row.here}


def _note_held(connection: Connection, outgoing: Outgoing, answer: Answer) -> None:
    """What the hub did not take is marked, so that nobody believes it safe; what it took this time is marked no more."""
    connection.executemany(
        "DELETE FROM held WHERE key = ? AND reason NOT IN (?, ?)",
        [(key, leaving.LEAVING, leaving.UNOFFERED) for key in outgoing.keys],
    )
    batch = Batch(connection, 0)
    for note in answer.notes:
        row = batch.row((note.type, note.id))
        if note.kind == "quarantined" and row is not None and row.here:
            connection.execute(
                "INSERT INTO held (key, reason) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET reason = excluded.reason"
                " WHERE reason NOT IN (?, ?)",
                (row.key, note.reason or note.kind, leaving.LEAVING, leaving.UNOFFERED),
            )


def _compare(connection: Connection, pulls: Sequence[Pull]) -> dict[str, bool]:
    """Scope → whether its digest equals the hub's, for those that the hub gave a digest of."""
    if connection.execute("SELECT EXISTS (SELECT 1 FROM held)").fetchone()[0]:
        return {}
    kept = digests.kept(connection)
    return {pull.scope: kept[pull.scope] == pull.digest for pull in pulls if pull.digest and pull.scope in kept}


def _pending(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM outbox WHERE counter > (SELECT acked FROM sync)").fetchone()[0])
