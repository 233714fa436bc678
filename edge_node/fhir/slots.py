"""Slot numbers: what the index stores instead of a parameter's name.

A *slot* is one union branch of search expressions, for one type, read as one kind: ``Observation.subject reference``.
Several parameters share it (``subject``, ``patient``), so a value is indexed once. Numbers are written into databases,
so ``slots.json`` only ever grows: run ``python -m edge_node.fhir.slots`` after the definitions or the compiler have
changed, and commit what it appends.

Kinds whose values are ranges or sort keys are numbered from RANGED up, so that one partial index by resource serves
them (see search_sql).
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

RANGED = 4096
"""First number of a slot of kind date, quantity or string."""

RANGED_KINDS = ("date", "quantity", "string")


@cache
def slot_numbers() -> dict[str, int]:
    """Slot number by name, as committed."""
    return msgspec.json.decode((files("edge_node.fhir") / "slots.json").read_bytes(), type=dict[str, int])


def appended(numbers: dict[str, int], names: list[str]) -> dict[str, int]:
    """The numbers with each new name given the next free one of its range; what is there is never changed."""
    result = dict(numbers)
    for name in names:
        if name not in result:
            ranged = name.rpartition(" ")[2] in RANGED_KINDS
            taken = [number for number in result.values() if (number >= RANGED) == ranged]
            result[name] = max(taken, default=RANGED - 1 if ranged else 0) + 1
    return result


def serialized(numbers: dict[str, int]) -> bytes:
    """The file's text: one slot a line, in order of number, so that a change is readable."""
    ordered = dict(sorted(numbers.items(), key=lambda item: item[1]))
    return msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n"


def main() -> None:
    """Append the slots that the definitions ask for and the file lacks."""
    from edge_node.fhir.parameters import slot_names  # It imports this module.

    found = appended(slot_numbers(), slot_names())
    Path(str(files("edge_node.fhir") / "slots.json")).write_bytes(serialized(found))


if __name__ == "__main__":
    main()
