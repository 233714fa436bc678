"""Elements that one write made, as those of every new resource are: kept as the stamp, the context and a value each.

Nearly all that travels and rests is such. Kept so, it is read from a frame, checked, merged where nothing was, and packed without an
object for each register; whoever asks for a register has it made.
"""

from collections.abc import Iterator, KeysView, Mapping
from typing import final

from sync_protocol.register import Context, Register, Sibling, Stamp


@final
class OneWrite(Mapping[str, Register]):
    """Registers by element key, all of one stamp and one context. `said`: their values, at least one, keys ascending; never changed in
    place."""

    __slots__ = ("context", "said", "stamp")

    def __init__(self, stamp: Stamp, context: Context, said: Mapping[str, bytes | None]) -> None:
        self.stamp, self.context, self.said = stamp, context, said

    def __getitem__(self, key: str) -> Register:
        return Register((Sibling(self.stamp, self.said[key]),), self.context)

    def __contains__(self, key: object) -> bool:
        return key in self.said

    def __iter__(self) -> Iterator[str]:
        return iter(self.said)

    def keys(self) -> KeysView[str]:
        """The element keys, ascending."""
        return self.said.keys()

    def __len__(self) -> int:
        return len(self.said)

    def __repr__(self) -> str:
        return f"OneWrite({self.stamp!r}, {self.context!r}, {self.said!r})"


def one_write(registers: Mapping[str, Register]) -> OneWrite | None:
    """These registers as one write, None when they are of several, or none at all."""
    if type(registers) is OneWrite:
        return registers
    if not registers:
        return None
    keys = sorted(registers)
    first = registers[keys[0]]
    stamp, context = first.siblings[0].stamp, first.context
    said: dict[str, bytes | None] = {}
    for key in keys:
        register = registers[key]
        siblings = register.siblings
        if len(siblings) != 1:
            return None
        sibling, its = siblings[0], register.context
        # Identity first: elements written together mostly share both, and comparing structs costs more than all else here.
        if (sibling.stamp is not stamp and sibling.stamp != stamp) or (its is not context and its != context):
            return None
        said[key] = sibling.value
    return OneWrite(stamp, context, said)
