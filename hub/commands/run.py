"""What every command has: its options, an open hub, and how its result is shown."""

import asyncio
import functools
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from hub.runtime import Hub, opened
from hub.sessions.visitor import Visitor
from hub.settings import Settings, load

P = ParamSpec("P")
R = TypeVar("R")
CONNECTIONS_OF_A_COMMAND: Final = 2


def shared_options(function: Callable[P, R]) -> Callable[P, R]:
    """`--data`, `--config` and `--json`, which all commands take."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file, TOML."),
        click.option("--data", metavar="DIR", help="The hub's folder.  [env: MEDTECH_DATA]"),
    ):
        function = option(function)
    return function


def on_hub(function: Callable[Concatenate[Hub, P], Awaitable[Any]]) -> Callable[..., None]:
    """Makes a command of a function of an open hub. Its result is printed: a table for people, or JSON."""

    @shared_options
    @functools.wraps(function)
    def command(data: str | None, config: Path | None, as_json: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        settings = settings_from(data, config)

        async def work() -> Any:
            async with opened_hub(settings) as hub:
                return await function(hub, *args, **kwargs)

        with working():
            result = asyncio.run(work())
        show(result, as_json)

    return command


def opened_hub(settings: Settings) -> AbstractAsyncContextManager[Hub]:
    """The hub for one command."""
    return opened(msgspec.structs.replace(settings, connections_max=CONNECTIONS_OF_A_COMMAND))


def settings_from(data: str | None, config: Path | None, **options: Any) -> Settings:
    """The settings of a command: file < environment < option."""
    return load(os.environ, {"data": data, **options}, config)


def working() -> Any:
    """A sign on a terminal that something is going on."""
    return Console(stderr=True).status("working …") if sys.stderr.isatty() else nullcontext()


def actor() -> str:
    """Who gives the command, for the audit."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"command:{os.geteuid()}"


def by_command() -> Visitor:
    """Whoever runs commands is an administrator: she can read the keys."""
    return Visitor(actor(), "admin", "")


def show(result: Any, as_json: bool) -> None:
    """Prints a result: one line of JSON, or for people a table of a list and lines of anything else."""
    plain = msgspec.to_builtins(result)
    if as_json:
        click.echo(msgspec.json.encode(plain))
    elif isinstance(plain, list):
        show_table(plain)
    elif isinstance(plain, dict):
        for name, value in plain.items():
            click.echo(f"{name.replace('_', ' ')}: {text(value)}")


def show_table(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        click.echo("There are none.")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, header_style="bold")
    for row in rows:
        table.add_row(*(text(value) for value in row.values()))
    # Into a file, nothing is cut for want of a terminal's width.
    Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False).print(table)


def text(value: Any) -> str:
    return "" if value is None else str(value)
