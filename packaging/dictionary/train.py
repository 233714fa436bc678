"""Trains the zstd dictionary of packed states and frames from the shared test patients.

    python packaging/dictionary/train.py tests/data/synthea_r4_120_patients.ndjson.gz sync_protocol/dictionary/v2.zdict

A released dictionary is never changed: the next one gets the next number, and `compression.LATEST` is raised once all nodes know it.
"""

import gzip
import random
import sys
from pathlib import Path

import msgspec
import zstandard

from sync_protocol import elements, pack
from sync_protocol.register import Stamp

BYTES = 112_640
SAMPLES = 12_000


class _Entry(msgspec.Struct):
    resource: msgspec.Raw


class _Bundle(msgspec.Struct):
    entry: list[_Entry]


def main(source: str, target: str) -> None:
    """Write the dictionary trained on a sample of the source's resources as packed states."""
    rng = random.Random(1)  # noqa: S311  (a sample, not a secret)
    states = []
    with gzip.open(source) as lines:
        for line in lines:
            for entry in msgspec.json.decode(line, type=_Bundle).entry:
                stamp = Stamp(
                    rng.getrandbits(63), len(states), 1_700_000_000_000, 1_700_000_000_000, "ama", "clinician"
                )
                resource, _ = elements.write(None, None, elements.parse(bytes(entry.resource)), "x", stamp)
                states.append(pack.pack(resource))
    trained = zstandard.train_dictionary(BYTES, rng.sample(states, SAMPLES))
    Path(target).write_bytes(trained.as_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
