"""A clinic's server with its pages as a process: `python -m tests.edge.pages.server DIR`. Prints the ready line."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from edge_node.api.app import make_app
from edge_node.api.serve import Address, serve, set_up_log
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.store.store import Store
from edge_node.sync.exchanging import Syncing

KEY = bytes(range(32))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def main(directory: Path) -> None:
    set_up_log("text")
    with Store.open(directory, KEY, Programme()) as store:
        syncing = Syncing(store, now_ms, os.urandom, "test")

        async def sync() -> Any:
            return await asyncio.get_running_loop().run_in_executor(None, syncing.run)

        pages = make_pages(sync, key_is_plain=True)
        serve(make_app(store, now_ms, sync=sync, pages=pages), Address(port=0))
        syncing.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
