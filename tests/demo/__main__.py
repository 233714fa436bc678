"""Runs the demonstration until SIGINT or SIGTERM."""

import json
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from tests.demo.screen import Screen
from tests.demo.story import Demo
from tests.processes.programs import Failed

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEFT_SECONDS_MAX: Final = 10.0


class Ended(BaseException):
    """Somebody wants it to end."""


class Ending:
    """What a signal does: once; what comes while everything is being ended changes nothing."""

    def __init__(self) -> None:
        self.demo: Demo | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        if self.demo is not None:
            self.demo.tell_to_end()
        raise Ended


def ignore_signals() -> None:
    """From now on nothing interrupts the end."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)


def main() -> int:
    """The exit status."""
    ending = Ending()
    for number in ENDS:
        signal.signal(number, ending)
    screen = Screen()
    root = Path(tempfile.mkdtemp(prefix="medtech-demo-"))
    # Postgres has a user of its own when root runs this, and has to be able to walk through.
    root.chmod(0o755)
    stack = ExitStack()
    begun = time.monotonic()
    try:
        ending.demo = demo = Demo(root, stack, screen)
        screen.title(
            "MedTech Edge", "Health records for clinics that are often alone. What you see is measured as it runs."
        )
        demo.begin()
        demo.first_exchange()
        demo.cut()
        demo.mend()
        ready = demo.stay()
        screen.say(f"[dim]All of this took {time.monotonic() - begun:.1f} s.[/dim]")
        print(json.dumps(ready, separators=(",", ":")), flush=True)
        while (gone := demo.check()) is None:
            time.sleep(0.5)
        screen.bad(f"{gone} has ended by itself.")
        return 1
    except Ended:
        screen.say("Everything is being ended.")
        return 0
    except (Failed, TimeoutError) as error:
        screen.bad(str(error))
        return 1
    finally:
        ignore_signals()
        finish(stack, root)


def finish(stack: ExitStack, root: Path) -> None:
    """Ends what runs, then removes the folder."""
    try:
        stack.close()
    finally:
        _, left = psutil.wait_procs(psutil.Process().children(), LEFT_SECONDS_MAX)
        for child in left:
            child.kill()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
