"""What every command has: its options, an open store, and how its result is shown."""

import functools
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
import msgspec

from edge_node import keys
from edge_node.keys import Key
from edge_node.programme import Programme, read_programme
from edge_node.settings import Settings, load
from edge_node.store.model import Author
from edge_node.store.store import DATABASE_NAME, Store

P = ParamSpec("P")
R = TypeVar("R")
TERMINAL_WIDTH_MAX: Final = 10_000


class Node(msgspec.Struct, frozen=True):
    """An open node: what a command works on."""

    settings: Settings
    directory: Path
    key: Key
    store: Store


def shared_options(function: Callable[P, R]) -> Callable[P, R]:
    """`--data`, `--config` and `--json`, which all commands take."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file, TOML."),
        click.option("--data", metavar="DIR", help="The node's folder.  [env: MEDTECH_DATA]"),
    ):
        function = option(function)
    return function


def on_node(*, create: bool = False) -> Callable[[Callable[Concatenate[Node, P], Any]], Callable[..., None]]:
    """Makes a command's function of one that takes an open node. Its result is printed: for people, or as JSON.

    `create`: an empty folder becomes a new node.
    """

    def decorate(function: Callable[Concatenate[Node, P], Any]) -> Callable[..., None]:
        @shared_options
        @functools.wraps(function)
        def command(data: str | None, config: Path | None, as_json: bool, *args: P.args, **kwargs: P.kwargs) -> None:
            with opened(settings_from(data, config), create=create) as node:
                result = function(node, *args, **kwargs)
            if result is not None:
                show(result, as_json)

        return command

    return decorate


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Node]:
    """The node in a folder. Raises SettingsWrong, NoDatabase, KeyFault, StorageFault."""
    directory = Path(settings.data)
    programme = read_programme(Path(settings.programme)) if settings.programme else Programme()
    key = keys.unlock(directory, passphrase(settings), database_name=DATABASE_NAME, create=create)
    with Store.open(directory, key.raw, programme, create=create) as store:
        yield Node(settings, directory, key, store)


def passphrase(settings: Settings) -> bytes | None:
    """The passphrase that unlocks the key, None when none is set."""
    return keys.read_passphrase(Path(settings.passphrase_file) if settings.passphrase_file else None)


def settings_from(data: str | None, config: Path | None, **options: Any) -> Settings:
    """The settings of a command: file < environment < option."""
    return load(os.environ, {"data": data, **options}, config)


def now_ms() -> int:
    """This machine's clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def author() -> Author:
    """Who gives the command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.geteuid())
    return Author(f"command:{name}", "operator")


def warn(text: str) -> None:
    """A line on standard error, which is not part of the result."""
    click.echo(text, err=True)


# --- showing ----------------------------------------------------------------------------------------------------------


def show(result: Any, as_json: bool) -> None:
    """Prints a result: one line of JSON; for people a table of a list, lines of anything else."""
    plain = msgspec.json.decode(msgspec.json.encode(result))
    if as_json:
        click.echo(msgspec.json.encode(result))
    elif isinstance(plain, list):
        show_table(plain)
    elif isinstance(plain, dict):
        for name, value in plain.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                click.echo(f"{name.replace('_', ' ')}:")
                show_table(value)
            else:
                click.echo(f"{name.replace('_', ' ')}: {text(value)}")


def show_table(rows: Sequence[dict[str, Any]]) -> None:
    """Rows with the same names, as a table."""
    if not rows:
        click.echo("There are none.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, header_style="bold")
    for row in rows:
        table.add_row(*(text(value) for value in row.values()))
    # Into a file, nothing is cut for want of a terminal's width.
    Console(width=None if sys.stdout.isatty() else TERMINAL_WIDTH_MAX, highlight=False, markup=False).print(table)


def text(value: Any) -> str:
    """One value for people."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@contextmanager
def working(what: str) -> Iterator[Callable[[float], None]]:
    """On a terminal, a bar for what takes longer: call what this gives with the part done, from 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda part: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # No thread of its own that would draw it: an import forks, which only a process of one thread may do.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(what, total=None)
        progress.refresh()
        yield lambda part: progress.update(task, total=1.0, completed=part, refresh=True)
