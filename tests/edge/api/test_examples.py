"""HL7's examples and Synthea's patients, put and got back digit for digit, but for version and time."""

import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_node.api import numbers
from tests.edge.api.conftest import FHIR
from tests.edge.fhir.samples import DATA, synthea_sample

READ_ONLY = "AuditEvent"
INVALID = "Questionnaire-qs1.json"
"""Its nested items have no linkId, which R4 requires."""


class Digits(str):
    """A number, compared by its text."""


def exactly(text: bytes) -> Any:
    """JSON whose numbers are their texts, without what the server makes."""
    value = json.loads(text, parse_float=Digits, parse_int=Digits)
    meta = value.get("meta", {})
    for name in ("versionId", "lastUpdated"):
        meta.pop(name, None)
    if not meta:
        value.pop("meta", None)
    return value


def examples() -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO((DATA / "hl7_r4_examples_clinical.tar.gz").read_bytes())) as archive:
        files = (
            (Path(member.name).name, archive.extractfile(member)) for member in archive.getmembers() if member.isfile()
        )
        return {name: file.read() for name, file in files if file is not None}


EXAMPLES = examples()


async def put_and_get(client: httpx.AsyncClient, text: bytes) -> bytes:
    head = json.loads(text)
    path = f"/fhir/{head['resourceType']}/{head['id']}"
    written = await client.put(path, content=text, headers=FHIR)
    assert written.status_code in (200, 201), written.text
    got = await client.get(path)
    assert got.content == written.content
    return got.content


async def test_hl7_examples_come_back_as_they_were(client: httpx.AsyncClient) -> None:
    for name, text in EXAMPLES.items():
        if json.loads(text)["resourceType"] != READ_ONLY and name != INVALID:
            assert exactly(await put_and_get(client, text)) == exactly(text), name


async def test_the_example_that_is_not_valid_is_refused_with_the_place(client: httpx.AsyncClient) -> None:
    answer = await client.put("/fhir/Questionnaire/qs1", content=EXAMPLES[INVALID], headers=FHIR)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Questionnaire.item[0].item[0].linkId"]


@pytest.mark.slow
async def test_synthea_resources_come_back_as_they_were(client: httpx.AsyncClient) -> None:
    for resource in synthea_sample(1):
        text = json.dumps(resource, default=lambda number: float(number)).encode()
        assert exactly(await put_and_get(client, text)) == exactly(text), resource["id"]


async def test_a_synthea_patient_is_one_transaction(client: httpx.AsyncClient) -> None:
    with gzip.open(DATA / "synthea_r4_120_patients.ndjson.gz") as file:
        line = min((file.readline() for _ in range(40)), key=len)
    answer = await client.post("/fhir", content=line, headers=FHIR)
    assert answer.status_code == 200, answer.text[:500]
    entries = answer.json()["entry"]
    sent = numbers.parse(line, 200)["entry"]
    assert len(entries) == len(sent)
    assert all(entry["response"]["status"].startswith("201") for entry in entries)
    within = {one["fullUrl"] for one in sent}
    for told, original in zip(entries, sent, strict=True):
        got = (await client.get(told["response"]["location"])).content
        assert not within & set(re.findall(r'"reference":"([^"]+)"', got.decode()))
        for number in _numbers(original["resource"]):
            assert number.encode() in got


def _numbers(value: Any) -> list[str]:
    if isinstance(value, numbers.Number):
        return [value.text]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _numbers(one)]
