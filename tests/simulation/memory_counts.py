"""What a shard in memory counts: the part of it that the console reads."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from hub.store.exchanges import Exchange
from hub.store.facts import FactKey
from hub.store.pregnancies import StatementRow


class Counts:
    """Facts, arrivals, statements, last exchanges."""

    def __init__(self) -> None:
        self.facts: dict[FactKey, int] = {}
        self.arrivals: dict[tuple[int, date], int] = {}
        self.statements: dict[int, StatementRow] = {}
        self.exchanges: dict[str, Exchange] = {}

    def __copy__(self) -> "Counts":
        taken = Counts()
        for name, value in vars(self).items():
            setattr(taken, name, dict(value))
        return taken


class Tables(Protocol):
    """Those of a shard, as far as is counted."""

    counts: Counts


class MemoryCounts:
    """The operations of a shard that count."""

    tables: Tables

    async def add_counts(
        self, deltas: Mapping[FactKey, int], arrivals: Mapping[tuple[int, date], int], /, *, regardless: bool = False
    ) -> tuple[int, int] | None:
        counts = self.tables.counts
        for key, delta in deltas.items():
            counts.facts[key] = counts.facts.get(key, 0) + delta
        for came, n in arrivals.items():
            counts.arrivals[came] = counts.arrivals.get(came, 0) + n
        return None

    async def write_statements(self, written: Sequence[StatementRow], gone: Sequence[int], /) -> None:
        self.tables.counts.statements.update({row.key: row for row in written})
        for key in gone:
            self.tables.counts.statements.pop(key, None)

    async def note_exchanges(self, exchanges: Mapping[str, Exchange], /) -> None:
        self.tables.counts.exchanges.update(exchanges)

    async def count_patients(self, scopes: Sequence[int], /) -> int:
        return sum(n for key, n in self.tables.counts.facts.items() if key.kind == "patient" and key.scope in scopes)
