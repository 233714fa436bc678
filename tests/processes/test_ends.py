"""A clinic's server ends when it is told to, whatever its link does."""

import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes.programs import wait_until
from tests.processes.web import NoReply
from tests.processes.world import Clinic, new_clinic, running_hub

END_SECONDS_MAX = 12.0
"""Three seconds for requests in work, and this machine may do other things too."""


@pytest.mark.parametrize("asked", ["by the schedule", "by a person"])
def test_a_server_ends_while_an_exchange_hangs_on_a_silent_link(tmp_path: Path, asked: str) -> None:
    with running_hub(tmp_path) as hub:
        interval = "0.2" if asked == "by the schedule" else "0"
        clinic = new_clinic(hub, tmp_path / "clinic", "f0", "--sync-interval", interval)
        hub.relay.hold()
        before = hub.relay.bytes_to_target
        clinic.server.start()
        if asked == "by a person":
            threading.Thread(target=ask, args=(clinic,), daemon=True).start()
        wait_until(lambda: hub.relay.bytes_to_target > before, 20, "an exchange under way")
        begun = time.monotonic()
        clinic.server.send(signal.SIGTERM)
        ended = clinic.server.wait(END_SECONDS_MAX)
        seconds = time.monotonic() - begun
        clinic.server.kill()
        hub.relay.let_go()
        assert ended, seconds
        log = clinic.server.log.read_text()
        assert "Traceback" not in log, log
        assert clinic.call("sync")["digest_equal"]


def ask(clinic: Clinic) -> None:
    with suppress(NoReply):
        clinic.web.ask("POST", "/api/v1/sync")
