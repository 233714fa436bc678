"""A clinic with people in it: Synthea's patients under African names, and conflicts as two nodes make them."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_node.programme import Programme
from edge_node.store import leaving
from edge_node.store.bundles import resources
from edge_node.store.model import Author, Write
from edge_node.store.store import Store
from sync_protocol import elements
from sync_protocol.register import Stamp
from sync_protocol.resource import Resource
from tests.edge.pages.server import KEY

DATA = Path(__file__).parents[2] / "data"
PASSWORD = "a long enough password"
START_MS = 1_790_000_000_000
ELSEWHERE = 4711
HOME_SCOPE = 1
IMPORTER = Author("import", "admin")


def synthea() -> Iterator[dict[str, Any]]:
    """The transaction Bundles, one for each patient."""
    with gzip.open(DATA / "synthea_r4_120_patients.ndjson.gz") as file:
        for text in file:
            yield json.loads(text)


def renamed(bundle: dict[str, Any], number: int, names: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """A bundle whose patient has a name, a village and a telephone of West Africa."""
    patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    people = names[sorted(names)[number % len(names)]]
    given = people["first_names_female" if patient["gender"] == "female" else "first_names_male"]
    patient["name"] = [
        {
            "use": "official",
            "family": people["last_names"][number % len(people["last_names"])],
            "given": [given[number % len(given)], given[(number * 7 + 3) % len(given)]],
        }
    ]
    village = ("Kétou", "Ọ̀ffà", "Tamale", "Kakuma", "Ṣàkì")[number % 5]
    patient["address"] = [{"use": "home", "city": village, "district": "North"}]
    patient["telecom"] = [{"system": "phone", "use": "mobile", "value": f"+234 803 555 {number:04d}"}]
    patient["identifier"] = [{"system": "urn:example:card", "value": f"KT-{10_000 + number * 37}"}]
    return bundle


def bundles(count: int) -> list[dict[str, Any]]:
    """Patients, the one with the most records among them."""
    names = json.loads((DATA / "names_west_africa.json").read_text(encoding="utf-8"))
    chosen = sorted(synthea(), key=lambda bundle: len(bundle["entry"]))
    return [renamed(bundle, number, names) for number, bundle in enumerate([*chosen[: count - 1], chosen[-1]])]


def fill(store: Store, found: Sequence[dict[str, Any]], now_ms: int = START_MS) -> None:
    """Imports bundles, as `medtech-edge import` does."""
    file = store.path.with_name("patients.ndjson")
    file.write_text("\n".join(json.dumps(bundle) for bundle in found), encoding="utf-8")
    store.import_resources(resources(file), IMPORTER, lambda: now_ms)
    file.unlink()


def make(directory: Path, count: int) -> None:
    """A node with people who may log in, and patients."""
    with Store.open(directory, KEY, Programme(), create=True) as store:
        store.users.add("ama", "clinician", PASSWORD, START_MS)
        store.users.add("kofi", "admin", PASSWORD, START_MS)
        store.users.add("citizen", "citizen", PASSWORD, START_MS)
        fill(store, bundles(count))


def write(store: Store, resource: dict[str, Any], now_ms: int = START_MS, user: str = "ama") -> None:
    """A resource written here."""
    body = json.dumps(resource).encode()
    store.write([Write(resource["resourceType"], resource["id"], body)], Author(user, "clinician"), now_ms)


def come_and_go(store: Store, resource: dict[str, Any], now_ms: int = START_MS) -> None:
    """A resource that was here with its patient, until another clinic took her in."""
    stamp = Stamp(ELSEWHERE, 1, now_ms, now_ms, "efua", "nurse")
    with store.transaction() as connection:
        store.merge(connection, [_written(None, resource, stamp)], HOME_SCOPE, now_ms)
    with store.transaction() as connection:
        leaving.let_go(connection, [(resource["resourceType"], resource["id"])], HOME_SCOPE, now_ms)


def disagree(store: Store, before: dict[str, Any], here: dict[str, Any], there: dict[str, Any], now_ms: int) -> None:
    """A resource that was known to both, then changed here and, unseen, by another node."""
    old = Stamp(ELSEWHERE, 1, now_ms - 9_000_000, now_ms - 9_000_000, "efua", "nurse")
    new = Stamp(ELSEWHERE, 2, now_ms - 60_000, now_ms - 60_000 + 7_200_000, "kwame", "midwife")
    first = _written(None, before, old)
    with store.transaction() as connection:
        store.merge(connection, [first], HOME_SCOPE, now_ms - 8_000_000)
    write(store, here, now_ms - 120_000)
    with store.transaction() as connection:
        store.merge(connection, [_written(first, there, new)], HOME_SCOPE, now_ms)


def _written(present: Resource | None, body: dict[str, Any], stamp: Stamp) -> Resource:
    parsed = elements.parse(json.dumps(body).encode())
    return elements.write(present, present, parsed, body["id"], stamp)[0]
