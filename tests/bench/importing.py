"""Import of the 120 Synthea patients (31,287 resources, gzipped) by `medtech-edge import` into a new node, indexed and durable.

The seconds are the command's own, from reading the file to the last commit; start-up of the interpreter is apart. The floor
writes the same packed states into bare SQLCipher in transactions of 2,000, and checks, splits and indexes nothing. The size is
that of the database after a checkpoint, against the bytes of the resources as JSON.
"""

from contextlib import closing
from statistics import median

from edge_node.store.connection import connect, transaction
from edge_node.store.store import DATABASE_NAME
from tests.bench import first_sync, nodes, samples
from tests.bench.floor import KEY, TABLE
from tests.bench.rows import Options, Row
from tests.bench.timing import timed

BATCH = 2_000


def measure(options: Options) -> list[Row]:
    text = sum(len(body) for body in samples.originals())
    seconds: list[float] = []
    floors: list[float] = []
    size = 0
    packed: list[tuple[str, bytes]] = []
    for _ in range(options.runs):
        with nodes.folder() as place:
            done = nodes.command(nodes.EDGE, "import", str(samples.FILE), data=place / "node")
            assert done["resources"] == first_sync.RESOURCES
            seconds.append(done["seconds"])
            with nodes.opened(place / "node") as store:
                packed = packed or first_sync.packed_states(store)
            with closing(connect(place / "node" / DATABASE_NAME, store.key, writer=True)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = sum(file.stat().st_size for file in (place / "node").glob("edge.db*"))
            bare = connect(place / "bare.db", KEY, writer=True)
            bare.execute(TABLE.format(integer="INTEGER", blob="BLOB"))
            with timed() as clock:
                for start in range(0, len(packed), BATCH):
                    with transaction(bare) as connection:
                        connection.executemany(
                            "INSERT INTO packed (id, state) VALUES (?, ?)", packed[start : start + BATCH]
                        )
            floors.append(clock.wall)
            bare.close()
    return [
        Row(
            name="import",
            work="import of 31,287 resources",
            value=first_sync.RESOURCES / median(seconds),
            unit="/s",
            better="more",
            must=8_000,
            aim=15_000,
            floor=first_sync.RESOURCES / median(floors),
            note=f"{median(seconds):.2f} s",
        ),
        Row(name="size", work="database over JSON", value=size / text, unit="×", must=2.2, aim=1.5),
    ]
