"""What a measurement says: a row of the table, and whether it reaches what it must and what it aims for."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. `must` and `aim` are bounds of `value`, or of `ratio` where `judged` says so.

    `floor` has the unit of `value`; `ratio` is how many times the floor's time the work took. `cpu` is the share of one processor's time
    that the work itself took: far below 1, the machine was waiting or busy with others.
    """

    name: str
    work: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    better: Literal["less", "more"] = "less"
    judged: Literal["value", "ratio"] = "value"
    floor: float | None = None
    cpu: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over floor, as times: how many times slower or larger than the floor."""
        if not self.floor or not self.value:
            return None
        return self.value / self.floor if self.better == "less" or self.judged == "ratio" else self.floor / self.value

    @property
    def verdict(self) -> str:
        """`aim`, `must`, `misses`, or nothing where nothing is demanded."""
        judged = self.ratio if self.judged == "ratio" else self.value
        if judged is None or (self.must is None and self.aim is None):
            return ""
        less = self.better == "less" or self.judged == "ratio"
        for word, bound in (("aim", self.aim), ("must", self.must)):
            if bound is not None and (judged <= bound if less else judged >= bound):
                return word
        return "misses"


class Options(Struct, frozen=True):
    """How thoroughly to measure. `sizes`: resources stored at an edge, `stored` at a hub, where a measurement compares sizes."""

    runs: int = 3
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    stored: tuple[int, ...] = (10_000, 1_000_000, 10_000_000)


Measure = Callable[[Options], Sequence[Row]]
"""A measurement: a module's `measure`."""
