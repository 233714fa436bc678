"""Python's cyclic collector, kept away while many resources go into the store.

It walks all that is alive, again and again, and finds nothing: an import or a merge makes no cycles. That walk takes an eighth of
the time of a first sync.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside: list[bool] = []
"""For each that is inside, whether the collector was on when it came."""


@contextmanager
def without_collector() -> Iterator[None]:
    """No collections in this process meanwhile; threads may be inside together, and the last turns it on again."""
    with _lock:
        _inside.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            was_on = _inside[0]
            _inside.pop()
            if was_on and not _inside:
                gc.enable()
