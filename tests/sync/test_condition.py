"""A node tells its hub how full its disk is, and whether the two hold the same as it found when it compared last."""

from pathlib import Path
from typing import Any

import pytest

from edge_node.sync import exchanging
from edge_node.sync.condition import disk_free_percent
from edge_node.sync.exchanging import Syncing
from sync_protocol.exchange import messages
from tests.sync.nodes import PROGRAM, Node


def test_what_it_says_of_itself(a: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int | None, bool | None]] = []
    encode = messages.encode

    def noting(request: Any) -> bytes:
        said.append((request.disk_free_percent, request.agreed))
        return encode(request)

    monkeypatch.setattr(exchanging, "encode", noting)
    a.syncing.close()
    a.syncing = Syncing(a.store, a.now, lambda count: b"\x07" * count, PROGRAM, lambda: 42)
    a.put("Patient/1", gender="female")
    a.sync()
    a.sync()
    assert set(said[:-1]) == {(42, None)}, "nothing was compared before"
    assert said[-1] == (42, True)


def test_the_disk_is_asked_and_one_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    found = disk_free_percent(tmp_path)
    assert found is not None
    assert 0 <= found <= 100
    assert disk_free_percent(tmp_path / "nowhere") is None
