"""Pages of a feed that are made before they are asked for.

A node that is far behind asks for a page, stores it, asks for the next: hub and node would work in turn. What it is going to ask is
known when it is answered, so that page is made while the node stores the last one. It is given to who asks exactly that of a scope
that has not gone on since; else it is thrown away. It decides nothing and stores nothing, and whoever asks was let in as always.
"""

from typing import Final

from msgspec import Struct

from hub.store.scopes import ScopeRow

PAGES_MAX: Final = 8
"""Kept at once, for as many nodes; each is a frame."""

KEPT_SECONDS: Final = 60


class Question(Struct, frozen=True):
    """All that a page depends on: the scope's row has its position and its digest, so equal rows mean equal resources."""

    scope: ScopeRow
    after: int
    incarnation: int
    limit: int


class Page(Struct, frozen=True):
    """A part of a feed up to `seq`, as a node gets it. `left`: what it leaves of its limit for other scopes."""

    seq: int
    frame: bytes
    evicted: list[tuple[str, str]]
    left: int


class Waiting(Struct):
    """A question that is going to be asked, and its page once that is made."""

    question: Question
    begun: bool = False
    page: Page | None = None


class Ahead:
    """The questions that are expected, one for each node and scope, the latest last."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], Waiting] = {}

    def expect(self, question: Question) -> None:
        """This is going to be asked next."""
        key = (question.incarnation, question.scope.id)
        self._waiting.pop(key, None)
        self._waiting[key] = Waiting(question)
        if len(self._waiting) > PAGES_MAX:
            del self._waiting[next(iter(self._waiting))]

    def begin(self) -> Waiting | None:
        """One whose page nobody makes yet; it is the caller's now to make it."""
        for waiting in self._waiting.values():
            if not waiting.begun:
                waiting.begun = True
                return waiting
        return None

    def forget(self, waiting: Waiting) -> None:
        """Nobody asked for long enough: what is sealed at rest is not kept open in memory for nothing."""
        key = (waiting.question.incarnation, waiting.question.scope.id)
        if self._waiting.get(key) is waiting:
            del self._waiting[key]

    def take(self, question: Question) -> Page | None:
        """The page, if it was made for just this question. What was expected of this node is over, one way or the other."""
        waiting = self._waiting.pop((question.incarnation, question.scope.id), None)
        return waiting.page if waiting is not None and waiting.question == question else None
