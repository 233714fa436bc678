"""Two replicas whose digests differ find where, and exchange the whole states there: rounds over key ranges.

It is an alarm as much as a repair: digests of honest replicas with nothing waiting are equal, unless the hub lost something.
"""

from collections.abc import Callable
from typing import Final

import structlog

from edge_node.store import leaving
from edge_node.store import reconciling as stored
from edge_node.store.reconciling import Question
from edge_node.store.store import Store
from sync_protocol import bounds, reconciliation
from sync_protocol.exchange.messages import Answer, Range

ROUNDS_MAX: Final = 40
"""Each round splits intervals by 16; sixteen reach single positions, the rest is for states in several frames."""
RANGES_A_QUESTION: Final = bounds.RANGES_MAX // reconciliation.PARTS
"""So that an answer that splits all of them stays within its bounds too."""
log = structlog.get_logger()


def reconcile(store: Store, scope: str, ask: Callable[[Question], Answer]) -> int:
    """Compare a scope with the hub's, give what it lacks and take what we lack. Returns how many positions differed."""
    with store.snapshot() as connection:
        items = stored.items(connection, scope)
    ranges = reconciliation.split(items)
    offer: set[int] = set()
    wanted: set[int] = set()
    for _ in range(ROUNDS_MAX):
        deeper: list[Range] = []
        for start in range(0, len(ranges), RANGES_A_QUESTION):
            answer = ask(Question(scope, ranges=ranges[start : start + RANGES_A_QUESTION]))
            more_offer, more_wanted = reconciliation.unequal(items, answer.leaves)
            offer |= more_offer
            wanted |= more_wanted
            deeper += reconciliation.differing(items, answer.ranges)
        ranges = deeper
        if not ranges:
            break
    log.warning("digests differ", scope=scope, ours=len(offer), theirs=len(wanted))
    with store.snapshot() as connection:
        questions = stored.questions(connection, scope, offer, wanted)
    for question in questions:
        ask(question)
    return len(offer | wanted)


def give_back(store: Store, ask: Callable[[Question], Answer]) -> None:
    """Give a hub that lost something what it tells us to let go of, before we do."""
    with store.snapshot() as connection:
        keys = leaving.unoffered(connection)
        questions = stored.parting(connection, keys)
    for question in questions:
        ask(question)
    with store.transaction() as connection:
        leaving.were_offered(connection, keys)
