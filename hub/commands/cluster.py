"""`medtech-hub cluster`: the full shape on one machine, for development, tests, and seeing what happens when parts of it die."""

import asyncio
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from hub.cluster import shape as shapes
from hub.cluster.program import DOWN, POLL_SECONDS, nothing_runs, pid_of
from hub.commands.run import show, working
from hub.commands.serve import SERVE_LOCK, alone
from hub.errors import ClusterFault, NotFound
from hub.postgres.embedded import is_free

DEFAULT_DATA: Final = "var/cluster"
PART_SECONDS_MAX: Final = 60.0

data_option = click.option(
    "--data",
    metavar="DIR",
    envvar="MEDTECH_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="The cluster's folder.  [env: MEDTECH_DATA]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def cluster() -> None:
    """The full shape on one machine: shards with standbys, PgBouncer, a Redis Cluster, hub processes."""


@cluster.command("up")
@click.option("--shards", type=click.IntRange(1, 64), help="Shards: Postgres primaries. 2 at first.")
@click.option("--replicas", type=click.IntRange(0, 8), help="Standbys of each shard. 1 at first.")
@click.option("--workers", type=click.IntRange(1, 64), help="Hub processes. 1 at first.")
@click.option(
    "--asynchronous/--synchronous", default=None, help="Whether a commit is answered before a standby has it."
)
@data_option
@json_option
def up(
    shards: int | None, replicas: int | None, workers: int | None, asynchronous: bool | None, data: Path, as_json: bool
) -> None:
    """Start everything, and keep it running until SIGTERM or Ctrl-C. Prints one line of JSON when all of it answers.

    What ends by itself is started again. Another time it goes on with what is there, and may grow.
    """
    # Imported here so that other commands start without Redis's client.
    from hub import logs
    from hub.cluster import running

    logs.configure("json" if as_json or os.environ.get("MEDTECH_LOG") == "json" else "text")
    with alone(data):
        if not (data / shapes.SHAPE_NAME).exists():
            running.make_secrets(data)
        shape = shapes.read_or_make(data, shards=shards, replicas=replicas, workers=workers, asynchronous=asynchronous)

        asyncio.run(running.run(data, shape, tell, lambda ready: click.echo(msgspec.json.encode(ready))))


def tell(what: str) -> None:
    """Progress, for people at a terminal."""
    if sys.stderr.isatty():
        click.echo(f"{what} …", err=True)


@cluster.command("status")
@data_option
@json_option
def status(data: Path, as_json: bool) -> None:
    """What runs, and who is the primary of each shard."""
    from hub.cluster.status import status as look

    with working():
        found = asyncio.run(look(shapes.read(data), data))
    show(found, as_json)


@cluster.command("stop")
@click.argument("part")
@data_option
@json_option
def stop(part: str, data: Path, as_json: bool) -> None:
    """Stop one part, as `cluster status` names it; it stays away until `cluster start`, or `cluster up`."""
    folder = folder_of(part, data)
    (folder / DOWN).touch()
    with working():
        wait_until(lambda: nothing_runs(folder), f"{part} does not end.")
    show({"stopped": part}, as_json)


@cluster.command("start")
@click.argument("part")
@data_option
@json_option
def start(part: str, data: Path, as_json: bool) -> None:
    """Let a part run again that was stopped."""
    folder = folder_of(part, data)
    if is_free(data / SERVE_LOCK, fcntl.LOCK_EX):
        raise ClusterFault(f"No cluster runs in {data}.", hint="`medtech-hub cluster up` starts all of it.")
    (folder / DOWN).unlink(missing_ok=True)
    with working():
        wait_until(lambda: pid_of(folder) is not None, f"{part} does not start.")
    show({"started": part}, as_json)


def folder_of(part: str, data: Path) -> Path:
    """The folder of a part. Raises `NotFound`."""
    from hub.cluster.status import parts

    known = parts(shapes.read(data), data)
    if part not in known:
        raise NotFound(f"There is no part {part}.", hint=f"There are: {', '.join(known)}.")
    return data / part


def wait_until(true: Any, otherwise: str) -> None:
    deadline = time.monotonic() + PART_SECONDS_MAX
    while not true():
        if time.monotonic() > deadline:
            raise ClusterFault(otherwise)
        time.sleep(POLL_SECONDS)
