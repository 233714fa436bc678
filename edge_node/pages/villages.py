"""The villages that patients come from, to be suggested while one is typed: those of the patients who were changed last."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from edge_node.fhir.query import parse_query
from edge_node.pages import words
from edge_node.store.store import Store

LOOKED_AT: Final = 400
SUGGESTED_MAX: Final = 150
_KEPT_MS: Final = 10 * 60_000


class Villages:
    """Looked up now and then, since it takes a while. May be asked from any thread."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._known: tuple[int, tuple[str, ...]] | None = None

    def known(self) -> tuple[str, ...]:
        """Villages, in alphabetical order."""
        now, kept = self._now_ms(), self._known
        if kept is None or not 0 <= now - kept[0] < _KEPT_MS:
            kept = self._known = (now, self._look_up(now))
        return kept[1]

    def add(self, village: str) -> None:
        """One that was just written."""
        if self._known is not None and village and village not in self._known[1]:
            self._known = (self._known[0], tuple(sorted({*self._known[1], village})))

    def _look_up(self, now: int) -> tuple[str, ...]:
        query = parse_query("Patient", [("_sort", "-_lastUpdated"), ("_count", str(LOOKED_AT))], now_ms=now)
        found = Counter(words.village(words.decode(one.body)) for one in self._store.search(query).found if one.body)
        del found[""]
        return tuple(sorted(village for village, _ in found.most_common(SUGGESTED_MAX)))
