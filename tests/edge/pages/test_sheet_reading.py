"""What a form is made with, out of the store."""

import json
from itertools import count
from pathlib import Path

from edge_node.pages.sheet_reading import Desktop
from edge_node.store.model import Author
from sync_protocol.referral import FACILITY_SYSTEM
from tests.edge.store import nodes
from tests.edge.store.nodes import put


def test_facilities_of_one_name_are_told_apart(tmp_path: Path) -> None:
    ids = count(1)
    with nodes.opened(tmp_path / "node") as store:
        for id_, name in (("north", "Saint Mary"), ("south", "saint mary"), ("ketou", "Kétou")):
            body = {"resourceType": "Organization", "active": True, "name": name,
                    "identifier": [{"system": FACILITY_SYSTEM, "value": id_}]}  # fmt: skip
            put(store, "Organization", id_, json.dumps(body).encode())
        desktop = Desktop(store, lambda: nodes.NOW, lambda: f"n{next(ids)}", lambda: "1")
        context = desktop.context(Author("ama", "midwife"), None, None)
    assert context.places == {"Saint Mary (north)": "north", "saint mary (south)": "south", "Kétou": "ketou"}
    assert set(context.lists["facilities"]) == set(context.places)
