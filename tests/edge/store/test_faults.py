"""What goes wrong around a store has a name, and never takes away what was acknowledged."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge_node.errors import CorruptDatabase, DiskFull, NewerSchema, NoDatabase
from edge_node.programme import Programme
from edge_node.store.connection import connect
from edge_node.store.schema import MIGRATIONS
from edge_node.store.store import DATABASE_NAME, Store
from tests.edge.store import nodes
from tests.edge.store.nodes import AMA, KEY, NOW, opened, patient, put

RUN = [sys.executable, "-c"]


def script(text: str) -> str:
    return "from tests.edge.store.nodes import *\nimport os, signal, sys, pathlib\n" + textwrap.dedent(text)


def test_there_is_no_node_where_none_was_made(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase):
        opened(tmp_path, create=False)
    assert not list(tmp_path.iterdir())


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(CorruptDatabase):
        Store.open(tmp_path, bytes(32), Programme())


def test_nothing_on_disk_can_be_read_without_the_key(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, "Patient", "p", patient(name=[{"family": "Findable"}]))
        for file in tmp_path.iterdir():
            assert b"Findable" not in file.read_bytes()
            assert b"SQLite format" not in file.read_bytes()
            assert file.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(200):
            put(store, "Patient", f"p{number}", patient(gender="female"))
    path = tmp_path / DATABASE_NAME
    damaged = bytearray(path.read_bytes())
    for place in range(4096 * 2 + 100, len(damaged), 4096):
        damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(CorruptDatabase), opened(tmp_path, create=False) as store:
        list(store.export())


def test_a_full_disk_refuses_the_write_and_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, "Patient", "p", patient(gender="female"))
        with store.transaction() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(DiskFull):
            put(store, "Patient", "q", patient(name=[{"family": "x" * 1_000_000}]))
        assert store.read("Patient", "q") is None
        assert store.read("Patient", "p") is not None
        store._writer.execute("PRAGMA max_page_count = 1000000")
        put(store, "Patient", "q", patient())
        nodes.digests_are_those_of_the_rows(store)


def test_no_room_for_what_sqlite_keeps_beside_it_is_not_told_as_damage(tmp_path: Path) -> None:
    opened(tmp_path).close()
    code = script(
        f"""
        import resource
        from edge_node.errors import FileFault
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            opened(pathlib.Path({str(tmp_path)!r}), create=False)
        except FileFault:
            print("told")
        """
    )
    assert subprocess.run([*RUN, code], check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout == "told\n"


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    connection = connect(tmp_path / DATABASE_NAME, KEY, writer=True)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(NewerSchema):
        opened(tmp_path, create=False)


WRITTEN = ["INSERT INTO resource", "INSERT INTO search_recent", "INSERT INTO audit", "COMMIT"]
MOVED = ["INSERT INTO search_index", "DELETE FROM search_recent"]


@pytest.mark.parametrize("statement", [*WRITTEN, *MOVED])
def test_killed_between_statements_a_write_is_whole_or_not_at_all(tmp_path: Path, statement: str) -> None:
    """The process ends without a word just before a statement of its second write."""
    with opened(tmp_path) as store:
        put(store, "Patient", "p", patient(gender="female"))
    code = script(
        f"""
        store = opened(pathlib.Path({str(tmp_path)!r}))
        from edge_node.store import recent
        recent.ROWS_MAX = 0 if {statement!r} in {MOVED!r} else recent.ROWS_MAX
        def kill(line):
            if line.lstrip().startswith({statement!r}):
                os.kill(os.getpid(), signal.SIGKILL)
        store._writer.set_trace_callback(kill)
        put(store, "Patient", "q", patient(gender="male"))
        """
    )
    ended = subprocess.run([*RUN, code], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    with opened(tmp_path, create=False) as store:
        assert store.read("Patient", "p") is not None
        assert store.read("Patient", "q") is None
        assert store.status().pending == 1
        assert len(store.audit()) == 1
        nodes.digests_are_those_of_the_rows(store)
        nodes.search_index_is_that_of_the_rows(store)
        put(store, "Patient", "q", patient(gender="male"))


def test_what_was_answered_is_there_after_the_process_is_killed(tmp_path: Path) -> None:
    code = script(
        f"""
        store = opened(pathlib.Path({str(tmp_path)!r}))
        for number in range(1000):
            put(store, "Patient", f"p{{number}}", patient())
            print(number, flush=True)
        """
    )
    with subprocess.Popen([*RUN, code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answered = [int(process.stdout.readline()) for _ in range(40)]
        process.kill()
        answered += [int(line) for line in process.stdout]
    with opened(tmp_path, create=False) as store:
        for number in answered:
            assert store.read("Patient", f"p{number}") is not None
        nodes.digests_are_those_of_the_rows(store)


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    opened(tmp_path).close()
    code = script(
        f"""
        store = opened(pathlib.Path({str(tmp_path)!r}), create=False)
        for number in range(60):
            put(store, "Patient", f"{{sys.argv[1]}}-{{number}}", patient(gender="female"))
            body = store.read("Patient", "shared") and store.read("Patient", "shared").body
            put(store, "Patient", "shared", body or patient(multipleBirthInteger=number))
        """
    )
    writers = [subprocess.Popen([*RUN, code, name]) for name in ("a", "b")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    with opened(tmp_path, create=False) as store:
        assert store.status().resources == 121
        with store.reading() as connection:
            counters = [counter for (counter,) in connection.execute("SELECT counter FROM outbox ORDER BY counter")]
        assert counters == list(range(1, len(counters) + 1))
        nodes.digests_are_those_of_the_rows(store)


def test_a_reader_is_not_kept_waiting_by_a_writer(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, "Patient", "p", patient())
        with store.transaction() as connection:
            connection.execute("UPDATE sync SET last_error = 'in the middle'")
            assert store.read("Patient", "p") is not None
            assert store.status().last_error is None


def test_a_failing_program_leaves_no_half_transaction(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with pytest.raises(ZeroDivisionError), store.transaction() as connection:
            connection.execute("UPDATE sync SET counter = 99").fetchone()[1 // 0]
        assert store.write([], AMA, NOW) == []
        assert store.status().pending == 0
        with store.reading() as connection:
            assert connection.execute("SELECT counter FROM sync").fetchone() == (0,)


def test_the_database_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    opened(tmp_path / "new").close()
    assert os.stat(tmp_path / "new" / DATABASE_NAME).st_mode & 0o077 == 0
