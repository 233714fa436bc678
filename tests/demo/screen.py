"""What a visitor sees: short sentences and tables. On standard output when that is a terminal, else on standard error."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

WIDTH_OF_FILES = 116


class Line(Struct):
    """A node while it exchanges."""

    name: str
    waiting: int = 0
    result: "dict[str, object] | None" = None
    seconds: float = 0.0
    digest: str = ""


class Screen:
    """Tells the story."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        stream = sys.stdout if terminal else sys.stderr
        self._console = Console(file=stream, highlight=False, width=None if stream.isatty() else WIDTH_OF_FILES)

    def title(self, text: str, under: str) -> None:
        self._console.print(Panel(Text(under), title=f"[bold]{text}[/bold]", title_align="left", border_style="green"))

    def step(self, text: str) -> None:
        """What happens next."""
        self._console.print(f"\n[bold cyan]▸[/bold cyan] [bold]{text}[/bold]")

    def say(self, text: str) -> None:
        """One sentence, in rich's markup."""
        self._console.print(f"  {text}")

    def good(self, text: str) -> None:
        self._console.print(f"  [green]✓[/green] {text}")

    def bad(self, text: str) -> None:
        self._console.print(f"  [red]✗[/red] {text}")

    def rows(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table."""
        table = Table(box=None, header_style="dim", pad_edge=True)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A sign that something goes on; a sentence where nothing can move."""
        if not self._console.is_terminal:
            self.say(text)
            yield
            return
        with self._console.status(text):
            yield

    @contextmanager
    def live(self, lines: Sequence[Line]) -> Iterator[Live]:
        """The exchange of each node, redrawn while it goes on; `lines` are changed by the caller."""
        if not self._console.is_terminal:
            with Live(console=Console(quiet=True), auto_refresh=False) as unseen:
                yield unseen
            self._console.print(self._exchange_table(lines))
            return
        with Live(
            console=self._console, get_renderable=lambda: self._exchange_table(lines), refresh_per_second=12
        ) as shown:
            yield shown

    def _exchange_table(self, lines: Sequence[Line]) -> Table:
        return exchange_table(lines, narrow=self._console.width < WIDTH_OF_FILES)


def exchange_table(lines: Sequence[Line], *, narrow: bool) -> Table:
    """Per node: what it gave and got, and whether it has now what the hub has. A narrow one fits 80 columns, uncut."""
    table = Table(box=None, header_style="dim", pad_edge=not narrow, collapse_padding=narrow)
    table.add_column("node", no_wrap=True)
    for name in ("given", "got", "sent", "received", "round trips", "time", "conflicts"):
        table.add_column(name.replace(" ", "\n") if narrow else name, justify="right", no_wrap=True)
    table.add_column("same as\nthe hub" if narrow else "same as the hub", no_wrap=True)
    for line in lines:
        if line.result is None:
            waits = f"{line.waiting:,} wait" if line.waiting else "…"
            table.add_row(line.name, *[""] * 7, f"[yellow]{waits}[/yellow]")
            continue
        told = line.result
        equal = f"[green]✓ {line.digest}[/green]" if told["digest_equal"] else "[yellow]not yet[/yellow]"
        conflicts = f"[yellow]{told['conflicts']}[/yellow]" if told["conflicts"] else "0"
        table.add_row(
            line.name,
            *(f"{told[name]:,}" for name in ("pushed", "pulled")),
            *(size(told[name]) for name in ("bytes_sent", "bytes_received")),
            str(told["round_trips"]),
            f"{line.seconds:.2f} s",
            conflicts,
            equal,
        )
    return table


def size(count: object) -> str:
    """Bytes for people."""
    assert isinstance(count, int)
    if count < 10_000:
        return f"{count:,} B"
    return f"{count / 1000:,.0f} kB" if count < 10_000_000 else f"{count / 1e6:,.1f} MB"
