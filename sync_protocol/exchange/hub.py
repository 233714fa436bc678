"""The hub's decisions in an exchange, as functions of the rows it locked and the request. The store does the rest.

Who may say what: a node writes in its own name only. A register from it is taken when every other author's dot it depends on is already
here; else it is *parked* until they arrive. So a node can neither write nor erase in another's name; what tries goes to quarantine.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec.structs import replace

from sync_protocol import bounds
from sync_protocol.errors import ForgedChange, MalformedState
from sync_protocol.exchange.messages import Push, Request
from sync_protocol.frame import WITHHELD
from sync_protocol.register import Register, Sibling, clashes, covers, dot, join, join_context, seen
from sync_protocol.resource import DELETION, Resource, is_one_write, read_deletion


class Incarnation(msgspec.Struct, frozen=True):
    """The hub's memory of one incarnation. `exchanges` counts those accepted; it is what a receipt proves."""

    id: int
    base: int = 0
    acked: int = 0
    safe: int = 0
    token: bytes = b""
    exchanges: int = 0


class _Receipt(msgspec.Struct, frozen=True, array_like=True):
    incarnation: int
    exchanges: int
    token: bytes
    mac: bytes = b""
    lost_ms: int = 0


LOST_EXCHANGES = 1 << 32
"""Added to the count of exchanges by one that showed that the hub went back. By that the same request is known, should its answer get
lost; nobody gets there by exchanges."""

Decision = Literal["new", "merge", "retry", "fork", "went-back"]


class Admission(msgspec.Struct, frozen=True):
    """`row` is what to store before merging. `went-back`: this hub remembers less than it once answered, and takes nothing before the
    node has compared what it holds; `proven` when a receipt says so, and not the node alone. `forked`: the lives in which somebody
    else went on. `proof`: what to store of the earlier life whose receipt it was, so that an older request of the node, repeated by the
    network, proves the same no more."""

    decision: Decision
    row: Incarnation
    forked: tuple[int, ...] = ()
    proven: bool = False
    proof: Incarnation | None = None


def admit(rows: Mapping[int, Incarnation], reached: int, request: Request, receipt_key: bytes) -> Admission:
    """Decide, under the node's lock, whether this is the node we know, the same request again, or a copy of the node.

    `rows`: what is remembered of the lives that the request and its receipt name; `reached`: the most that is stored of any of the
    node's lives, asked for when the present one `is_new`. A new life says that all up to `base` was acknowledged before it began; what
    this hub never had is offered again.
    """
    stored, fresh = min(request.base, reached), is_new(rows, request.incarnation)
    row = Incarnation(request.incarnation, stored, stored) if fresh else rows[request.incarnation]
    swapped = _swapped(row, request.token, row.exchanges + 1)
    proof = read_receipt(request.receipt, receipt_key) if request.receipt else None
    if proof is not None and proof.exchanges > _exchanges(rows, proof.incarnation):
        lost = proof.exchanges + LOST_EXCHANGES
        if proof.incarnation == request.incarnation:
            return Admission("went-back", _swapped(row, request.token, lost), proven=True)
        earlier = rows.get(proof.incarnation, Incarnation(proof.incarnation))
        # What token it had since is forgotten: whoever goes on in it is asked for none, once.
        return Admission("went-back", swapped, proven=True, proof=replace(earlier, exchanges=lost, token=b""))
    known = {b"", request.token, *request.known}
    lives = (request.incarnation, *request.unfinished)
    forked = tuple(life for life in lives if life in rows and rows[life].token not in known)
    if forked:
        return Admission("fork", row, forked)
    if fresh:
        return Admission("went-back" if request.base > reached else "new", swapped)
    if row.token != request.token:
        return Admission("merge", swapped)
    # Answered again, a request is one exchange more: what is pulled may be newer now, and a hub restored to before has to be known.
    proven = proof is not None and _exchanges(rows, proof.incarnation) >= proof.exchanges + LOST_EXCHANGES
    return Admission("went-back" if proven or request.base > row.acked else "retry", swapped, proven=proven)


def is_new(rows: Mapping[int, Incarnation], life: int) -> bool:
    """Whether a life never called itself: it is unknown, or a later one named it, or a copy of its node did."""
    return not _exchanges(rows, life)


def _exchanges(rows: Mapping[int, Incarnation], life: int) -> int:
    return rows[life].exchanges if life in rows else 0


def _swapped(row: Incarnation, token: bytes, exchanges: int) -> Incarnation:
    return replace(row, token=token, exchanges=exchanges)


def watermark(acked: int, pushes: Iterable[Push]) -> int:
    """`acked` after merging these: it moves to `upto` only from `base` or past it, in whatever order they stand."""
    for push in sorted(pushes, key=lambda p: p.base):
        if push.base <= acked < push.upto:
            acked = push.upto
    return acked


# --- receipts ---------------------------------------------------------------------------------------------------------


def receipt(row: Incarnation, key: bytes, lost_ms: int = 0) -> bytes:
    """Proof for the node that the hub accepted this many exchanges of it: a MAC under a key that no backup of the rows holds.

    `lost_ms`: when a receipt of the node last proved that the hub had gone back, told from receipt to receipt.
    """
    unsigned = _Receipt(row.id, row.exchanges, row.token, lost_ms=lost_ms)
    return msgspec.msgpack.encode(msgspec.structs.replace(unsigned, mac=_mac(unsigned, key)))


def read_receipt(raw: bytes, key: bytes) -> _Receipt | None:
    """A receipt that this hub made, or None: one that it did not make proves nothing."""
    try:
        found = msgspec.msgpack.decode(raw, type=_Receipt)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    expected = _mac(msgspec.structs.replace(found, mac=b""), key)
    return found if hmac.compare_digest(found.mac, expected) else None


def _mac(unsigned: _Receipt, key: bytes) -> bytes:
    body = msgspec.msgpack.encode(unsigned)
    return blake2b(body, key=key, digest_size=bounds.RECEIPT_MAC_BYTES, person=b"medtech receipt").digest()


# --- merging ----------------------------------------------------------------------------------------------------------


class Merge(msgspec.Struct, frozen=True):
    """What became of one pushed resource: its state after (None: nothing yet), the elements that changed, those that wait,
    those refused with the reason."""

    after: Resource | None
    changed: Set[str]
    parked: Resource | None = None
    refused: Resource | None = None
    reason: str = ""


def merge(present: Resource | None, pushed: Resource, own: frozenset[int]) -> Merge:
    """Join what a node says into what is here. `own`: all incarnations of that node."""
    if present is None and is_one_write(pushed, own):
        return Merge(pushed, pushed.elements.keys())
    here = present.elements if present is not None else {}
    changed: dict[str, Register] = {}
    parked: dict[str, Register] = {}
    refused: dict[str, Register] = {}
    reason = ""
    # The deletion last: what it covers may come with it.
    for key, register in sorted(pushed.elements.items(), key=lambda element: element[0] == DELETION):
        mine = here.get(key)
        try:
            filled = fill(mine, register, own)
            if key == DELETION and filled is not None and not _covers_what_is_here(filled, {**here, **changed}, own):
                filled = None
        except (ForgedChange, MalformedState) as error:
            refused[key], reason = register, str(error)
            continue
        if filled is None:
            parked[key] = register
        elif mine is None:
            changed[key] = filled
        elif (joined := join(mine, filled)) is not mine:
            changed[key] = joined
    after = Resource(pushed.type, pushed.id, {**here, **changed}) if changed else present
    return Merge(after, frozenset(changed), _part(pushed, parked), _part(pushed, refused), reason)


def fill(mine: Register | None, pushed: Register, own: frozenset[int]) -> Register | None:
    """The pushed register with others' values from ours. None when it depends on what is not here. Raises ForgedChange."""
    if len(pushed.siblings) == 1 and len(pushed.context) == 1 and pushed.siblings[0].stamp.node in own:
        if pushed.siblings[0].value == WITHHELD:
            raise ForgedChange("a change without its value")
        return _honest(mine, pushed, own)
    context = mine.context if mine is not None else {}
    if not any(s.stamp.node in own for s in pushed.siblings):
        raise ForgedChange("a change that holds nothing by its sender")
    others = {node: counter for node, counter in pushed.context.items() if node not in own}
    if not covers(context, others):
        return None
    held = {(s.stamp.node, s.stamp.counter): s for s in (mine.siblings if mine is not None else ())}
    siblings: list[Sibling] = []
    for sibling in pushed.siblings:
        if sibling.stamp.node in own and sibling.value != WITHHELD:
            siblings.append(sibling)
        elif (ours := held.get((sibling.stamp.node, sibling.stamp.counter))) is not None:
            siblings.append(ours)
        elif not seen(context, sibling.stamp):
            return None
    return _honest(mine, Register(tuple(siblings), pushed.context), own)


def _honest(mine: Register | None, filled: Register, own: frozenset[int]) -> Register:
    if mine is not None and clashes(mine, filled):
        raise ForgedChange("a dot used twice with different content")
    if mine is not None and _erases_without_writing(mine, filled, own):
        raise ForgedChange("what is here is erased, and nothing written")
    return filled


def _erases_without_writing(mine: Register, theirs: Register, own: frozenset[int]) -> bool:
    """Whether a join would drop what is here although all that the other side holds was seen here before.

    No history does that: who dropped a value wrote another, and had we seen all of hers that still stands, we had dropped it too.
    Joined, it could leave a register without any value. But a node that forked has told of one write twice, having seen its own earlier
    one under either of its names: then the write stands here too, and what goes is its `own`.
    """
    if any(not seen(mine.context, s.stamp) for s in theirs.siblings):
        return False
    held, here = {dot(s) for s in theirs.siblings}, {dot(s) for s in mine.siblings}
    erased = [s for s in mine.siblings if seen(theirs.context, s.stamp) and dot(s) not in held]
    return bool(erased) and not (held & here and all(s.stamp.node in own for s in erased))


def _covers_what_is_here(deletion: Register, elements: Mapping[str, Register], own: frozenset[int]) -> bool:
    """Whether a deletion by its sender covers of others' writes only what is here: it could hide their next ones otherwise."""
    return all(
        node in own or counter <= (elements[key].context.get(node, 0) if key in elements else 0)
        for sibling in deletion.siblings
        if _said(sibling, own)
        for key, context in read_deletion(sibling.value).items()
        for node, counter in context.items()
    )


def _part(whole: Resource, elements: dict[str, Register]) -> Resource | None:
    return Resource(whole.type, whole.id, elements) if elements else None


def left_behind(merged: Merge, part: Resource, earlier: frozenset[int]) -> bool:
    """Whether something of the sender's `earlier` lives stands beside what it sent that it does not know under that name: an element
    goes as it is then, ahead of its last row, and a fork gives what is ahead a new name. The feed showed it to the old life as its own."""
    return bool(earlier) and any(
        sibling.stamp.node in earlier and not seen(part.elements[key].context, sibling.stamp)
        for key in merged.changed & part.elements.keys()
        for sibling in (merged.after.elements[key].siblings if merged.after is not None else ())
    )


class Waiting(msgspec.Struct, frozen=True):
    """A parked part, and the lives in whose names it speaks."""

    part: Resource
    own: frozenset[int]


def waiting(part: Resource, lives: frozenset[int]) -> Waiting:
    """A parked part of a node with these lives. In some of them a copy of it may go on: a life whose value is held by its dot alone was
    not the sender's."""
    others = {s.stamp.node for r in part.elements.values() for s in r.siblings if s.value == WITHHELD}
    return Waiting(part, lives - others)


def settle(present: Resource | None, waiting: Sequence[Waiting]) -> tuple[Resource | None, list[Merge]]:
    """Take what waited, as far as it can be now: the state after all of it, and what became of each.

    Those that wait only for each other come in together. After a hub went back, each of two authors may offer a register that
    has seen the other's write: each speaks for its own, so together they say no more than each of them may.
    """
    here = dict(present.elements) if present is not None else {}
    changed: list[set[str]] = [set() for _ in waiting]
    parked: list[dict[str, Register]] = [dict(one.part.elements) for one in waiting]
    refused: list[dict[str, Register]] = [{} for _ in waiting]
    reasons = [""] * len(waiting)
    # The deletions last: what they cover may come with them.
    for key in sorted({key for one in parked for key in one}, key=lambda k: (k == DELETION, k)):
        asking = [(i, parked[i][key], one.own) for i, one in enumerate(waiting) if key in parked[i]]
        ready = _ready(here, key, asking)
        brought = {dot(s): s for _, register, own in ready for s in register.siblings if _said(s, own)}
        brought.update((dot(s), s) for s in (here[key].siblings if key in here else ()))
        for i, register, own in ready:
            siblings = (s if _said(s, own) else brought.get(dot(s)) for s in register.siblings)
            filled = Register(tuple(s for s in siblings if s is not None), register.context)
            del parked[i][key]
            try:
                filled = _honest(here.get(key), filled, own)
            except ForgedChange as error:
                refused[i][key], reasons[i] = register, str(error)
                continue
            if (joined := join(here[key], filled) if key in here else filled) is not here.get(key):
                here[key] = joined
                changed[i].add(key)
    first = waiting[0].part
    after = Resource(first.type, first.id, here) if any(changed) else present
    return after, [
        Merge(after, frozenset(changed[i]), _part(one.part, parked[i]), _part(one.part, refused[i]), reasons[i])
        for i, one in enumerate(waiting)
    ]


_Asking = tuple[int, Register, frozenset[int]]


def _ready(here: Mapping[str, Register], key: str, asking: list[_Asking]) -> list[_Asking]:
    """The most of these registers of one element that need nothing but what is here and what they say themselves."""
    if key == DELETION:
        asking = [one for one in asking if _covers_what_is_here(one[1], here, one[2])]
    asking = [one for one in asking if any(_said(s, one[2]) for s in one[1].siblings)]
    while True:
        vouched = here[key].context if key in here else {}
        for _, register, own in asking:
            vouched = join_context(vouched, {n: c for n, c in register.context.items() if n in own})
        kept = [one for one in asking if covers(vouched, {n: c for n, c in one[1].context.items() if n not in one[2]})]
        if len(kept) == len(asking):
            return kept
        asking = kept


def _said(sibling: Sibling, own: frozenset[int]) -> bool:
    return sibling.stamp.node in own and sibling.value != WITHHELD


def recover(
    present: Resource | None, offered: Resource, own: frozenset[int], remembered: Mapping[int, Incarnation]
) -> Merge:
    """Join a whole state that a node offers in a reconciliation, others' values included: what this hub may have lost.

    Another author's value is believed only when this hub cannot have had it from her, that is outside of what it remembers to have
    acknowledged in that life; what is inside it knows better, it was never said, or she offers it herself: it is left out, and what the
    sender wrote beside it or over it is taken. Refused is what contradicts what is here.
    """
    here = present.elements if present is not None else {}
    changed: dict[str, Register] = {}
    refused: dict[str, Register] = {}
    for key, register in offered.elements.items():
        mine = here.get(key)
        known = mine.context if mine is not None else {}
        whole = all(s.value != WITHHELD for s in register.siblings)
        vouched = _vouched(register, known, own, remembered)
        torn = mine is not None and vouched is not None and _contradicts(mine, vouched, own)
        if not whole or torn:
            refused[key] = register
        elif vouched is None:
            continue
        elif mine is None:
            changed[key] = vouched
        elif (joined := join(mine, vouched)) is not mine:
            changed[key] = joined
    after = Resource(offered.type, offered.id, {**here, **changed}) if changed else present
    reason = "offered, and not what is here" if refused else ""
    return Merge(after, frozenset(changed), None, _part(offered, refused), reason)


def _contradicts(mine: Register, theirs: Register, own: frozenset[int]) -> bool:
    return bool(clashes(mine, theirs) or _erases_without_writing(mine, theirs, own))


def _vouched(
    register: Register, known: Mapping[int, int], own: frozenset[int], remembered: Mapping[int, Incarnation]
) -> Register | None:
    """The register without the values that its sender cannot vouch for, as if those had not been seen yet."""
    doubtful = {
        (s.stamp.node, s.stamp.counter)
        for s in register.siblings
        if s.stamp.node not in own
        and not seen(known, s.stamp)
        and _was_pushed(remembered.get(s.stamp.node), s.stamp.counter)
    }
    if not doubtful:
        return register
    context = dict(register.context)
    for node, counter in doubtful:
        context[node] = min(context[node], counter - 1)
    siblings = tuple(s for s in register.siblings if (s.stamp.node, s.stamp.counter) not in doubtful)
    if not siblings or any(s.stamp.counter > context[s.stamp.node] for s in siblings):
        return None
    return Register(siblings, {node: counter for node, counter in context.items() if counter})


def one_record(a: Resource, b: Resource) -> bool:
    """Whether two states of one name are of one record, and not of two that have one id: they hold the same value by the same stamp."""
    return any(
        set(register.siblings) & set(a.elements[key].siblings)
        for key, register in b.elements.items()
        if key in a.elements
    )


def _was_pushed(life: Incarnation | None, counter: int) -> bool:
    return life is not None and life.base < counter <= life.acked
