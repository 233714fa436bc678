"""The hub's database as a dump, its files, its write-ahead log and all logs show nothing of a patient, however keys are exchanged."""

import csv
import gzip
import json
import os
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from edge_node.sync import admission
from hub.postgres.embedded import embedded
from hub.postgres.programs import RunAs, programs_for, user_for
from sync_protocol.exchange.finding import Find
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from tests.processes.programs import call
from tests.processes.world import Hub
from tests.sync.nodes import AMA, Node
from tests.sync.traces import traces, whole_words

DATA = Path(__file__).parents[1] / "data"
PEOPLE = 8
CLINIC = "Asesewa Health Centre"
"""Is told to everybody, and so has to be found by what looks for traces."""


def odd_names() -> list[tuple[str, str]]:
    """Given and family names of many scripts and places, long enough to be told from chance."""
    with gzip.open(DATA / "names_by_country.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if len(row) == 4]
    local = [row[2] for row in rows if any(ord(sign) > 0x24F for sign in row[2]) and len(row[2]) >= 5]
    spread = local[:: max(1, len(local) // PEOPLE)][:PEOPLE]
    african = json.loads((DATA / "names_west_africa.json").read_text())
    family = sorted({name for lists in african.values() for name in lists.get("last_names", []) if len(name) >= 8})
    return [(one, family[number % len(family)]) for number, one in enumerate(spread)]


def person(number: int, given: str, family: str) -> dict[str, Any]:
    return {
        "name": [{"family": family, "given": [given]}],
        "gender": "female",
        "birthDate": f"19{60 + number}-{1 + number % 12:02}-{2 + number:02}",
        "telecom": [{"system": "phone", "value": f"+23354{7000000 + 81723 * number}"}],
        "address": [{"city": f"Kpandai-Tsrukpe {number}", "district": "Agotime-Ziope"}],
        "identifier": [{"system": "urn:nhis", "value": f"GHA-{724419000 + 7919 * number}-{number % 10}"}],
    }


def words_of(body: dict[str, Any]) -> list[str]:
    (name,), (phone,), (place,), (number,) = (body[member] for member in ("name", "telecom", "address", "identifier"))
    spoken = [*name["given"], name["family"]]
    return whole_words(
        [
            *spoken,
            body["birthDate"],
            phone["value"],
            phone["value"][-7:],
            place["city"],
            place["district"],
            number["value"],
        ]
    )


@pytest.fixture
def filled(own_hub: Hub, tmp_path: Path, stack: Any) -> tuple[Hub, list[str]]:
    """Two clinics have exchanged people, what is the matter with them, a change, a deletion; one was found and admitted, one referred."""
    home, other = (Node(tmp_path / name) for name in ("home", "other"))
    for node, facility, name in ((home, "home", CLINIC), (other, "other", "Kétou health post")):
        stack.callback(node.close)
        node.join(own_hub.url, own_hub.invite(facility, name))
    people = [person(number, *names) for number, names in enumerate(odd_names())]
    words = [word for body in people for word in words_of(body)]
    for number, body in enumerate(people):
        home.put(f"Patient/p{number}", **body)
        note = f"Haemorrhagia postpartum {body['name'][0]['family']}"
        home.put(f"Condition/c{number}", code={"text": note}, subject={"reference": f"Patient/p{number}"})
        words.append(note)
    home.sync()
    home.edit("Patient/p1", gender="unknown")
    home.delete("Patient/p2")
    home.sync()
    other.sync()
    sought = people[0]
    asked = Find(AMA.user, AMA.role, names=sought["name"][0]["family"], born=sought["birthDate"])
    found = admission.find(other.store, asked, other.now()).candidates
    admission.admit(other.store, found[0].token, AMA, "here", other.now())
    other.sync()
    assert other.stored("Patient/p0") is not None
    category = [{"coding": [{"system": SNOMED, "code": PATIENT_REFERRAL}]}]
    said: dict[str, Any] = {"intent": "order", "status": "active", "category": category}
    home.put(
        "ServiceRequest/r", **said, subject={"reference": "Patient/p3"}, performer=[{"reference": "Organization/other"}]
    )
    home.sync()
    home.sync()
    return own_hub, sorted(set(words))


def dumped(hub: Hub) -> bytes:
    """Every table, as pg_dump writes it."""
    return asked(hub, "pg_dump")


def tell(hub: Hub, statement: str) -> None:
    asked(hub, "psql", "--command", statement)


def asked(hub: Hub, program: str, *words: str) -> bytes:
    """What a program of Postgres says of the hub's database."""
    postgres = hub.data / "postgres"
    with embedded(postgres) as address:
        # By way of its working directory: the path of a socket has at most 107 bytes.
        place = ["--host", "/proc/self/cwd", "--username", address.user, "--dbname", address.database]
        return ran(user_for(postgres / "data"), [program, *place, *words], postgres / "data").stdout


def pages_of_log(hub: Hub, folder: Path) -> bytes:
    """The pages that stand in the write-ahead log as a whole, which Postgres compresses there."""
    data = hub.data / "postgres" / "data"
    user = user_for(data)
    log = sorted(path.name for path in (data / "pg_wal").iterdir() if len(path.name) == 24)
    pages = folder / "pages"
    pages.mkdir()
    os.chown(pages, user.uid, user.gid)
    words = ["pg_waldump", f"--save-fullpage={pages}", f"--path={data / 'pg_wal'}", log[0], log[-1]]
    ran(user, words, folder, check=False)  # it ends with an error where the log ends
    return b"".join(path.read_bytes() for path in pages.iterdir())


def ran(user: RunAs, words: list[str], folder: Path, *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    program, *options = words
    command = [str(programs_for(user) / program), *options]
    plain: dict[str, Any] = user.subprocess_options()
    return subprocess.run(command, cwd=folder, capture_output=True, check=check, **plain)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, without what every Postgres has of its own."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    own = {"1", "4"}
    return {
        str(path): path.read_bytes()
        for path in found
        if not (path.parent.parent.name == "base" and path.parent.name in own)
    }


def test_what_is_looked_for_would_be_found() -> None:
    word = "Ɣebi Tsrukpe"
    for content in (
        word.encode(),
        word.upper().encode("utf-16-le"),
        word[::-1].encode(),
        b"\\x" + word.encode().hex().encode(),
        b64encode(b"ab" + word.encode() + b"cd"),
        json.dumps({"name": word}).encode(),
    ):
        assert traces(b"\0\1" + content + b"\2", [word]) == [word]
    assert traces(os.urandom(100_000), [word]) == []


def test_nothing_of_a_patient_can_be_read_anywhere(filled: tuple[Hub, list[str]], tmp_path: Path) -> None:
    hub, words = filled
    assert len(words) >= 6 * PEOPLE
    folder = tmp_path / "looked-at"
    folder.mkdir()
    dump = dumped(hub)
    assert dump.count(b"\nCOPY public.") > 20
    assert traces(dump, [CLINIC, *words]) == [CLINIC]
    tell(hub, "CHECKPOINT")  # whatever is written from here on stands in the log with its whole page
    done = call("medtech-hub", "key", "rotate-data", "--all", "--wait", data=hub.data)
    assert (done["begun"], done["sealing"]) == (4, 0)
    tell(hub, "UPDATE facility SET name = name")
    assert traces(dumped(hub), [CLINIC, *words]) == [CLINIC]
    pages = pages_of_log(hub, folder)  # before Postgres ends: then it gives older files of the log away
    hub.server.stop()
    assert traces(pages, [CLINIC, *words]) == [CLINIC]
    found = {path: traces(content, [CLINIC, *words]) for path, content in files(hub.data).items()}
    assert {tuple(told) for told in found.values()} == {(), (CLINIC,)}
    assert [path for path, told in found.items() if told and "pg_wal" in path]
    assert traces(hub.server.log.read_bytes(), words) == []
