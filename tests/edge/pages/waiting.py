"""Waiting for what a page brings about and does not show. (Playwright's own way needs `eval`, which our pages forbid.)"""

from collections.abc import Callable

from playwright.sync_api import Error

from tests.processes.programs import wait_until


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Polls. Raises TimeoutError."""
    wait_until(lambda: _is(met), seconds, "what the page should bring about")


def _is(met: Callable[[], bool]) -> bool:
    try:
        return met()
    except Error as error:
        if "context was destroyed" not in str(error):
            raise
        return False  # the page went on to another meanwhile
