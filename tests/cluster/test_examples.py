"""The settings that docs/OPERATIONS.md gives to operators are those that the tests run with."""

import configparser
import re
from pathlib import Path

from hub.cluster import pgbouncer, postgres

TEXT = (Path(__file__).parents[2] / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```ini\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_pgbouncer_s_are_the_cluster_s() -> None:
    (block,) = [block for block in BLOCKS if "[pgbouncer]" in block]
    told = configparser.ConfigParser()
    told.read_string(block)
    shared = {name: value for name, value in told["pgbouncer"].items() if name in pgbouncer.SETTINGS}
    assert shared == {name: pgbouncer.SETTINGS[name] for name in shared}
    assert shared.keys() >= {"pool_mode", "server_reset_query", "query_wait_timeout", "server_login_retry"}


def test_postgres_s_are_the_cluster_s() -> None:
    (block,) = [block for block in BLOCKS if "wal_level" in block]
    told = dict(line.split(" #")[0].split(" = ", 1) for line in block.splitlines() if not line.startswith("#"))
    own = {"wal_keep_size", "primary_conninfo", "synchronous_standby_names"}
    assert {name: value.strip() for name, value in told.items() if name not in own} == {
        name: postgres.SETTINGS[name] for name in told if name not in own
    }
    assert "target_session_attrs=primary" in told["primary_conninfo"]
