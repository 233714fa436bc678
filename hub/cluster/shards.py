"""A shard that is kept as it should be: its servers and poolers running, one primary, the others its standbys.

What is done by hand is promotion (`medtech-hub shard promote`): whether the primary is gone for good is a person's judgement. What
follows from it is done here. An old primary that came back is made a standby; so is a standby that cannot follow any more; and when one
follows again after a promotion that left none, commits wait for it again.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from hub.cluster import pgbouncer, postgres
from hub.cluster.program import Kept
from hub.cluster.shape import Server
from hub.errors import HubError
from hub.postgres import failover
from hub.postgres.failover import AWAY, Standing
from hub.postgres.programs import RunAs

log = structlog.get_logger()

WATCH_SECONDS: Final = 1.0
STALLED_SECONDS: Final = 15.0
"""A standby that answers and does not follow a primary that answers for so long is copied anew."""


class Shard:
    """The servers of one shard. `administrators`: users of this machine who may connect through the poolers."""

    def __init__(self, servers: Sequence[Server], user: RunAs, administrators: list[str], *, synchronous: bool) -> None:
        self.servers = servers
        self.synchronous = synchronous
        self.posts = {
            server.number: Kept(
                server.name,
                server.folder,
                partial(postgres.prepare, server, servers, user, synchronous=synchronous),
                partial(postgres.answers, server),
            )
            for server in servers
        }
        self.poolers = [
            Kept(
                f"shard-{server.shard}/pooler-{server.number}",
                server.pooler_folder,
                partial(pgbouncer.prepare, server, user, administrators),
                partial(pgbouncer.answers, server),
            )
            for server in servers
        ]
        self._stalled_since: dict[int, float] = {}

    async def begin(self) -> None:
        """Starts everything, and waits until it answers and the standbys follow. Raises what `Kept.begin` does."""
        async with asyncio.TaskGroup() as group:
            for kept in (*self.posts.values(), *self.poolers):
                group.create_task(kept.begin())
        await postgres.make_database(await postgres.primary_of(self.servers))

    async def stop(self) -> None:
        """Ends the poolers, then the primary, which gives its standbys all that it wrote, then these."""
        await asyncio.gather(*(pooler.stop() for pooler in self.poolers))
        found = await failover.standings([postgres.direct(server) for server in self.servers])
        standbys = {one.server.host for one in found if one.standby}
        for chosen in (False, True):
            await asyncio.gather(
                *(
                    self.posts[server.number].stop()
                    for server in self.servers
                    if (str(server.sockets) in standbys) is chosen
                )
            )

    async def watch(self) -> None:
        """Until it is cancelled: looks at the servers, and does what follows."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.look()
            except (HubError, *AWAY) as error:
                # A server went away while it was looked at; the next look finds out.
                log.info("not looked at", shard=self.servers[0].shard, reason=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whoever keeps all servers alive does not end for one look at them
                log.error("a look at servers failed", shard=self.servers[0].shard, error=type(error).__name__)

    async def look(self) -> None:
        """Once."""
        found = await failover.standings([postgres.direct(server) for server in self.servers])
        primary = failover.primary_among(found)
        if primary is None:
            return
        if self.synchronous and await failover.restore_synchronous(found):
            log.info("commits wait for a standby again", shard=self.servers[0].shard)
        by_sockets = {str(server.sockets): server for server in self.servers}
        for one in found:
            server = by_sockets[one.server.host]
            if is_old(one, primary) or self.is_stalled(one, server.number, time.monotonic()):
                log.warning("made a standby anew", program=server.name)
                (server.folder / postgres.COPY_AGAIN).touch()
                await self.posts[server.number].restart()

    def is_stalled(self, one: Standing, number: int, now: float) -> bool:
        """Whether a standby has not followed for so long that it will not by itself: what it needs is gone, or it knows too much."""
        if not one.standby or one.streaming:
            self._stalled_since.pop(number, None)
            return False
        if now - self._stalled_since.setdefault(number, now) < STALLED_SECONDS:
            return False
        del self._stalled_since[number]
        return True


def is_old(one: Standing, primary: Standing) -> bool:
    """Whether it was the primary once and does not know that another one is."""
    return not one.standby and one is not primary
