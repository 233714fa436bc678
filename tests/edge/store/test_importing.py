"""Files of FHIR become resources: ids kept, digits kept, references within a file resolved, odd ones kept, bad ones put aside."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_node.errors import InvalidResource
from edge_node.store.bundles import Item, resources
from edge_node.store.model import ImportReport
from edge_node.store.store import Store
from tests.edge.store.nodes import AMA, NOW, patient, put, shown

SYNTHEA = Path(__file__).parents[2] / "data" / "synthea_r4_120_patients.ndjson.gz"


def take_in(store: Store, path: Path) -> ImportReport:
    return store.import_resources(resources(path), AMA, lambda: NOW)


def exact(text: bytes) -> Any:
    """JSON with numbers as the digits that were written."""
    return json.loads(text, parse_float=str, parse_int=str)


def without_server_meta(text: bytes) -> Any:
    resource = exact(text)
    for name in ("versionId", "lastUpdated"):
        resource["meta"].pop(name)
    if not resource["meta"]:
        del resource["meta"]
    return resource


def originals() -> Iterator[Any]:
    """The resources of the 120 patients, with references as they should be after the import."""
    with gzip.open(SYNTHEA) as lines:
        for line in lines:
            entries = exact(line)["entry"]
            text = json.dumps([entry["resource"] for entry in entries])
            for entry in entries:
                name = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
                text = text.replace(f'"reference": "{entry["fullUrl"]}"', f'"reference": "{name}"')
            yield from json.loads(text)


def test_31287_resources_come_out_as_they_went_in_digit_for_digit(store: Store) -> None:
    assert take_in(store, SYNTHEA) == ImportReport(31287, 31287, 0)
    wanted = {(r["resourceType"], r["id"]): r for r in originals()}
    count = 0
    for text in store.export():
        found = without_server_meta(text)
        assert found == wanted[found["resourceType"], found["id"]]
        count += 1
    assert count == len(wanted) == 31287
    assert take_in(store, SYNTHEA) == ImportReport(31287, 0, 0)
    assert store.status().pending == 31287


def test_an_export_taken_in_again_changes_nothing_even_after_newer_writes(store: Store, tmp_path: Path) -> None:
    put(store, "Patient", "p", patient(gender="female"))
    file = tmp_path / "export.ndjson"
    file.write_bytes(b"\n".join(store.export()))
    put(store, "Patient", "p", patient(gender="male"))
    assert take_in(store, file) == ImportReport(1, 0, 0)
    assert shown(store.read("Patient", "p"))["gender"] == "male"


@pytest.mark.parametrize("form", ["lines", "array", "bundle", "pretty", "packed", "marked"])
def test_every_form_of_file_is_read(store: Store, tmp_path: Path, form: str) -> None:
    both = [json.loads(patient(id="a")), json.loads(patient(id="b"))]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in both]}
    lines = "\n\n".join(json.dumps(r) for r in both) + "\n"
    text = {
        "lines": lines,
        "array": json.dumps(both),
        "bundle": json.dumps(bundle),
        "pretty": json.dumps(bundle, indent=2),
        "packed": lines,
        "marked": "\ufeff" + lines,
    }[form].encode()
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(text) if form == "packed" else text)
    assert take_in(store, file) == ImportReport(2, 2, 0)


def test_references_within_the_file_resolve_and_others_stay(store: Store, tmp_path: Path) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": 'not "reference":"urn:uuid:1"'},
        "subject": {"reference": "urn:uuid:1"},
        "encounter": {"reference": "urn:uuid:elsewhere"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:2", "resource": observation},
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "gender": "female"}},
            {"fullUrl": "urn:uuid:3", "request": {"method": "DELETE", "url": "Patient/x"}},
        ],
    }
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle))
    assert take_in(store, file) == ImportReport(2, 2, 0)
    found = shown(store.read("Observation", "o"))
    assert found["subject"] == {"reference": "Patient/1"}
    assert found["encounter"] == {"reference": "urn:uuid:elsewhere"}
    assert found["code"] == observation["code"]
    assert {r.id for r in store.everything("1")} == {"1", "o"}


def test_resources_without_an_id_get_the_same_one_every_time(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_bytes(patient(gender="female") + b"\n" + patient(gender="male"))
    assert take_in(store, file) == ImportReport(2, 2, 0)
    assert take_in(store, file) == ImportReport(2, 0, 0)


def test_a_document_is_kept_whole_and_replaces_nothing_that_is_newer(store: Store, tmp_path: Path) -> None:
    put(store, "Patient", "p", patient(gender="male"))
    entries = [{"resource": json.loads(patient(id=i, gender="female"))} for i in ("p", "q")]
    document = {"resourceType": "Bundle", "id": "d", "type": "document", "entry": entries}
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document))
    take_in(store, file)
    assert shown(store.read("Patient", "p"))["gender"] == "male"
    assert shown(store.read("Patient", "q"))["gender"] == "female"
    assert shown(store.read("Bundle", "d")) == document


def test_what_is_not_valid_is_put_aside_once_and_blocks_nothing(store: Store) -> None:
    bodies = [patient(id="a"), b"{broken", patient(id="b", birthDate="soon"), patient(id="no id!"), patient(id="c")]
    for _ in range(2):
        report = store.import_resources(bodies, AMA, lambda: NOW)
        assert (report.resources, report.quarantined) == (2, 3)
    assert store.status().quarantine == 3
    assert {entry.payload for entry in store.quarantine()} == set(bodies[1:4])


def test_the_same_id_twice_in_a_file_is_two_versions(store: Store) -> None:
    items = [Item(patient(id="a", gender="female")), Item(patient(id="a", gender="male"))]
    assert store.import_resources(items, AMA, lambda: NOW) == ImportReport(2, 2, 0)
    assert [v.number for v in store.history("Patient", "a")] == [2, 1]


def test_a_file_that_is_no_json_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"name;born\nAma;1990\n")
    with pytest.raises(InvalidResource):
        take_in(store, file)


@pytest.mark.parametrize("fault", ["short", "torn"])
def test_a_damaged_compressed_file_is_refused_by_name(store: Store, tmp_path: Path, fault: str) -> None:
    packed = gzip.compress(b"\n".join(patient(id=f"p-{number}") for number in range(500)))
    file = tmp_path / "clinic.ndjson.gz"
    file.write_bytes(packed[:-20] if fault == "short" else packed[:99] + bytes(20) + packed[119:])
    with pytest.raises(InvalidResource, match=r"clinic\.ndjson\.gz"):
        take_in(store, file)
    assert store.status().resources == 0


def test_the_newest_version_of_a_history_stands_and_what_was_deleted_does_not_come_back(
    store: Store, tmp_path: Path
) -> None:
    newest_first: list[dict[str, Any]] = [
        {"resource": json.loads(patient(id="a", gender="female")), "request": {"method": "PUT", "url": "Patient/a"}},
        {"request": {"method": "DELETE", "url": "http://elsewhere.example/fhir/Patient/b"}},
        {"resource": json.loads(patient(id="a", gender="male")), "request": {"method": "PUT", "url": "Patient/a"}},
        {"resource": json.loads(patient(id="b")), "request": {"method": "PUT", "url": "Patient/b"}},
    ]
    file = tmp_path / "history.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "history", "entry": newest_first}))
    assert take_in(store, file) == ImportReport(2, 2, 0)
    assert shown(store.read("Patient", "a"))["gender"] == "female"
    assert store.read("Patient", "b") is None


def test_what_a_server_says_about_a_search_is_no_record(store: Store, tmp_path: Path) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported"}]}
    entries = [
        {"resource": json.loads(patient(id="a")), "search": {"mode": "match"}},
        {"resource": outcome, "search": {"mode": "outcome"}},
    ]
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}))
    assert take_in(store, file) == ImportReport(1, 1, 0)


def test_an_import_is_one_entry_of_the_audit_a_batch_with_its_counters(store: Store) -> None:
    store.import_resources([patient(id="a"), patient(id="b")], AMA, lambda: NOW)
    (entry,) = store.audit()
    assert (entry.action, entry.detail) == ("import", '{"resources":2,"first":1,"last":2}')
