"""What a node tells its hub of itself besides what its store knows, so that somebody far away sees in time that it needs help."""

import shutil
from pathlib import Path

from msgspec.structs import replace

from sync_protocol.exchange.messages import Request


def told(request: Request, disk_free_percent: int | None, agreed: bool | None) -> Request:
    """A request that says how much of the disk is free, and whether the hub was found to hold the same when the two were compared
    last. None: not known."""
    return replace(request, disk_free_percent=disk_free_percent, agreed=agreed)


def disk_free_percent(folder: Path) -> int | None:
    """How much of the disk that a folder is on is free; None where the system does not say."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return 100 * usage.free // usage.total if usage.total else None
