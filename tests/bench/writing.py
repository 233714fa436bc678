"""One resource written through the edge's store, against one `INSERT` and commit of the same bytes in bare SQLCipher.

Ours: parsed, validated against the published definitions, split into registers, packed and compressed, with its search rows,
outbox, digest and audit, one durable commit; what a POST does behind HTTP. The floor has the same pragmas (key, WAL, FULL,
cache) and writes the body into a table with a unique id. The two take turns, write by write; both databases hold the Synthea
patients already, and what is written is about them.
"""

import time
from statistics import median

from edge_node.store.connection import connect, transaction
from edge_node.store.model import Write
from tests.bench import nodes, samples
from tests.bench.rows import Options, Row
from tests.bench.timing import timed, turns

STORED = 31_287
WRITES = 200


def measure(options: Options) -> list[Row]:
    small = [body for body in samples.bodies(STORED) if len(body) < 4_000]
    wanted = WRITES * options.runs
    fresh = [samples.again(body) for body in small[:: len(small) // wanted]][:wanted]
    named = [(*samples.name(body), body) for body in fresh]
    with nodes.folder() as place, nodes.opened(place / "node") as store:
        store.import_resources(samples.items(STORED), samples.AUTHOR, nodes.now_ms)
        bare = connect(place / "bare.db", store.key, writer=True)
        bare.execute("CREATE TABLE packed (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)")
        with transaction(bare) as connection:
            rows = [("/".join(samples.name(body)), body) for body in samples.bodies(STORED)]
            connection.executemany("INSERT INTO packed (id, body) VALUES (?, ?)", rows)

        busy = [0.0, 0.0]

        def ours(turn: int) -> None:
            type_, id_, body = named[turn]
            begun = time.process_time()
            store.write([Write(type_, id_, body)], samples.AUTHOR, nodes.now_ms())
            busy[0] += time.process_time() - begun

        def least(turn: int) -> None:
            type_, id_, body = named[turn]
            begun = time.process_time()
            with transaction(bare) as connection:
                connection.execute("INSERT INTO packed (id, body) VALUES (?, ?)", (f"{type_}/{id_}", body))
            busy[1] += time.process_time() - begun

        with timed() as clock:
            mine, others = turns(len(named), ours, least)
        bare.close()
    return [
        Row(
            name="write",
            work="one resource written, durable, indexed, audited",
            value=1000 * median(mine),
            unit="ms",
            judged="ratio",
            must=3,
            aim=1.5,
            floor=1000 * median(others),
            cpu=clock.cpu / clock.wall,
            note=f"processor: ours {1000 * busy[0] / len(named):.2f} ms, the floor's {1000 * busy[1] / len(named):.2f} ms",
        )
    ]
