"""A clinic's day over a bad link, as `tests/link` makes it: 600 ms, 30 kbit/s each way, 5 % loss, cut ten times.

150 resources are registered or changed at a clinic and at an outreach post while the link is bad; measured is how long the last of
them takes to be at the hub and at both nodes, and what went over the link in whole packets, with TCP, HTTP and all that
was sent again. The seed is the same each time, the losses with it; the wall decides, since waiting is what it is about.
"""

from tests.bench import nodes
from tests.bench.rows import Options, Row
from tests.link.day import measure as day
from tests.link.places import place_for

SEED = 1


def measure(options: Options) -> list[Row]:
    with nodes.folder() as root, place_for(SEED) as place:
        numbers = day(root, place, seed=SEED)
    size = (numbers.bytes_up + numbers.bytes_down) / numbers.resources
    note = f"{numbers.kind}; {numbers.packets} packets, {numbers.lost} lost, {numbers.cuts} cuts"
    return [
        Row(name="day", work="a day over a bad link, at the hub", value=numbers.seconds_to_hub, unit="s", note=note),
        Row(name="day both", work="the same, at both nodes", value=numbers.seconds_to_both, unit="s", must=300),
        Row(name="day bytes", work="packets of that, both nodes and ways", value=size, unit="B/resource", must=2_000),
    ]
