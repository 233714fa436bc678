"""What a process has in memory, keys and patients' records among it, is written nowhere by the system: no core dump, no reader but root."""

import ctypes
import os
import resource
from typing import Final

from hub.errors import HubError

PR_SET_DUMPABLE: Final = 4
"""prctl(2): no core dump, whatever its limit, and neither ptrace nor /proc/PID/mem for others of the same user."""


def keep_to_ourselves() -> None:
    """For this process, until it ends; the limit is for those that it starts, too. Raises `HubError` when the system does not."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise HubError(f"The system does not keep this process's memory to itself: {os.strerror(ctypes.get_errno())}.")
