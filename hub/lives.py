"""In which of its lives a node speaks, decided for the requests of a batch one after the other, each seeing what those before it left.

The rows were read under the nodes' locks. They change here, and are written together before the commit.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from hub.errors import Forbidden
from hub.keys import Keys
from hub.pushed import memory
from hub.store.nodes import IncarnationRow, NodeRow
from sync_protocol.exchange import hub as rules
from sync_protocol.exchange.messages import Request

FORGOTTEN_MS = 90 * 24 * 3_600_000
"""So long after a node has proved that this hub went back it may remind the hub of moves that it forgot."""


class Admitted(Struct, frozen=True):
    """How a request is taken. `present`: the life that speaks, as it is from now on; `own`: all in whose names it does. `lost_ms`: when the
    node last proved that this hub went back, 0 for long ago."""

    decision: rules.Decision
    present: rules.Incarnation
    own: frozenset[int] = frozenset()
    forked: tuple[int, ...] = ()
    lost_ms: int = 0


def named(request: Request, keys: Keys) -> set[int]:
    """The lives that a request names, and the one that its receipt is of."""
    receipt = rules.read_receipt(request.receipt, keys.receipt_key) if request.receipt else None
    return {*_spoken(request), *([receipt.incarnation] if receipt is not None else [])}


def _spoken(request: Request) -> set[int]:
    return {request.incarnation, *request.unfinished, *request.lives}


class Lives:
    """What is remembered of lives, and of each node the most that is stored of any of its."""

    def __init__(self, keys: Keys, rows: Mapping[int, IncarnationRow]) -> None:
        self._keys = keys
        self._rows = dict(rows)
        self._changed: set[int] = set()
        self._reached: dict[str, int] = {}

    def strangers(self, requests: Iterable[tuple[NodeRow, Request]]) -> list[str]:
        """The nodes of which a new life speaks: it has to be known of them what they have reached."""
        return sorted({node.id for node, request in requests if self._is_new(request.incarnation)})

    def reach(self, reached: Mapping[str, int]) -> None:
        """What is stored of the lives of these nodes."""
        self._reached.update(reached)

    def admit(self, node: NodeRow, request: Request, now_ms: int) -> Admitted:
        """Decides, and remembers what came of it. Raises `Forbidden` when the present life is another node's."""
        here = self._rows.get(request.incarnation)
        if here is not None and here.node != node.id:
            raise Forbidden(
                "This incarnation belongs to another node.",
                hint="Two nodes were enrolled over one store. Restore one of them, which gives it a life of its own.",
            )
        lives = named(request, self._keys)
        memories = {life: memory(self._rows[life]) for life in lives if life in self._rows}
        admission = rules.admit(memories, self._reached.get(node.id, 0), request, self._keys.receipt_key)
        if admission.decision == "fork":
            return Admitted("fork", admission.row, forked=admission.forked)
        proof = admission.proof
        if proof is not None and (proof.id not in self._rows or self._rows[proof.id].node == node.id):
            self._remember(node, proof)
        own = frozenset(life for life in _spoken(request) if life not in self._rows or self._rows[life].node == node.id)
        self._keep(node, request, own)
        present = admission.row
        if admission.decision != "went-back":  # else it is asked again, once it is known where everything was
            present = replace(present, acked=rules.watermark(present.acked, request.push))
        self._remember(node, present)
        return Admitted(admission.decision, present, own, lost_ms=self._lost_ms(request, admission, now_ms))

    def _lost_ms(self, request: Request, admission: rules.Admission, now_ms: int) -> int:
        """When the node last proved that this hub went back: just now, or as the receipt tells that it brings; else long ago."""
        receipt = rules.read_receipt(request.receipt, self._keys.receipt_key) if request.receipt else None
        lost_ms = now_ms if admission.proven else receipt.lost_ms if receipt is not None else 0
        return lost_ms if now_ms - lost_ms < FORGOTTEN_MS else 0

    def _keep(self, node: NodeRow, request: Request, own: frozenset[int]) -> None:
        """Earlier lives that this hub never heard of are written down; those that go on in this one have its token from now on."""
        unfinished = set(request.unfinished)
        for life in sorted(own - {request.incarnation}):
            before = memory(self._rows[life]) if life in self._rows else rules.Incarnation(life)
            after = replace(before, token=request.token) if life in unfinished else before
            if life not in self._rows or after != before:
                self._remember(node, after)

    def _is_new(self, life: int) -> bool:
        return life not in self._rows or rules.is_new({life: memory(self._rows[life])}, life)

    def _remember(self, node: NodeRow, life: rules.Incarnation) -> None:
        """As it is going to be written: whose it is and where it began stay as they were."""
        known = self._rows.get(life.id)
        owner, base = (known.node, known.base_counter) if known is not None else (node.id, life.base)
        self._rows[life.id] = IncarnationRow(life.id, owner, base, life.acked, life.safe, life.token, life.exchanges)
        self._changed.add(life.id)
        self._reached[owner] = max(self._reached.get(owner, 0), life.acked)

    @property
    def changed(self) -> list[IncarnationRow]:
        """What has to be written."""
        return [self._rows[life] for life in sorted(self._changed)]
