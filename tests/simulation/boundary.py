"""Where a process of a world may end: at a commit."""

from tests.simulation.world import Crash


class Boundary:
    """Ends a process at the n-th commit from now, just before or just after it."""

    def __init__(self) -> None:
        self._left, self._after = 0, False

    def arm(self, commits: int, *, after: bool) -> None:
        """The `commits`-th commit from now is the last thing that the process does, or the first that it does not."""
        self._left, self._after = commits, after

    def before_commit(self) -> None:
        if self._left == 1 and not self._after:
            self._left = 0
            raise Crash

    def after_commit(self) -> None:
        if self._left:
            self._left -= 1
            if not self._left:
                raise Crash
