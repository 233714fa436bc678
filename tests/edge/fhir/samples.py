"""Resources to test with: HL7's examples, Synthea's patients, and ones made from the definitions."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.structure import Member, shape

DATA = Path(__file__).parents[2] / "data"

decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""Parses as the server does: decimals keep their digits."""


@cache
def hl7_examples() -> dict[str, dict[str, Any]]:
    """The examples of the specification by file name, those within Bundles not counted."""
    with tarfile.open(fileobj=io.BytesIO((DATA / "hl7_r4_examples_clinical.tar.gz").read_bytes())) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {Path(member.name).name: decode(_content(archive, member)) for member in members}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    with file:
        return file.read()


@cache
def synthea_bundles() -> list[dict[str, Any]]:
    """One transaction Bundle a patient."""
    lines = gzip.decompress((DATA / "synthea_r4_120_patients.ndjson.gz").read_bytes()).splitlines()
    return [decode(line) for line in lines]


def synthea_resources() -> Iterator[dict[str, Any]]:
    """All resources of all Synthea bundles."""
    for bundle in synthea_bundles():
        for entry in bundle["entry"]:
            yield entry["resource"]


def synthea_sample(each: int) -> list[dict[str, Any]]:
    """The first few resources of each type, from different patients' bundles."""
    taken: dict[str, list[dict[str, Any]]] = {}
    for bundle in synthea_bundles():
        seen: dict[str, int] = {}
        for entry in bundle["entry"]:
            name = entry["resource"]["resourceType"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] <= 2 and len(taken.setdefault(name, [])) < each:
                taken[name].append(entry["resource"])
    return [resource for resources in taken.values() for resource in resources]


_TARGETS = ("Patient", "Practitioner", "Location", "Observation", "PractitionerRole")
_PRIMITIVES: dict[str, Any] = {
    "base64Binary": "QUJD",
    "boolean": True,
    "date": "2021-02-03",
    "dateTime": "2020-05-06T07:08:09+03:00",
    "decimal": Decimal("6.0"),
    "instant": "2019-08-07T06:05:04.321Z",
    "integer": 7,
    "oid": "urn:oid:1.2.3",
    "positiveInt": 3,
    "time": "08:30:00",
    "unsignedInt": 4,
    "uuid": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">Ünïcode &amp; words</div>',
}


class _Maker:
    """Fills in every element of a type; the variant decides which type a choice has and which code is taken."""

    def __init__(self, variant: int) -> None:
        self.variant = variant
        self.numbers = count(1)

    def fill(self, path: str, stack: tuple[str, ...]) -> dict[str, Any]:
        found = shape(path)
        result: dict[str, Any] = {}
        for member in found.members.values():
            if member.choice:
                keys = found.choices[member.choice]
                if keys[self.variant % len(keys)] != member.key:
                    continue
            deep = (len(stack) > 5 and not member.primitive) or member.of in stack
            required = any(member.key in keys for keys in found.required)
            if member.key in ("extension", "modifierExtension", "contained") or (deep and not required):
                continue
            if member.key == "id" and stack:
                continue
            values = [self.value(member, (*stack, path)) for _ in range(2 if member.many and len(stack) < 2 else 1)]
            result[member.key] = values if member.many else values[0]
        return result

    def value(self, member: Member, stack: tuple[str, ...]) -> Any:
        number = next(self.numbers)
        if member.of == "Resource":
            return {"resourceType": "Patient", "id": f"inline-{number}", "active": True}
        if member.codes is not None and member.primitive:
            return sorted(member.codes)[self.variant % len(member.codes)]
        if member.of in _PRIMITIVES:
            return _PRIMITIVES[member.of] if member.of != "boolean" else bool((self.variant + number) % 2)
        if member.key == "data" and stack[-1] == "SampledData":
            return "2 4.5 E -8"
        if member.key == "reference" and member.primitive:
            return f"{_TARGETS[(number + self.variant) % len(_TARGETS)]}/r{number}"
        if member.primitive:
            word = {"id": f"id-{number}", "code": f"code-{number}"}.get(member.of, f"http://a.example/{number}")
            return f"Tëxt {number}" if member.of in ("string", "markdown") else word
        made = self.fill(member.of, stack)
        if member.codes is not None:
            made["coding"] = [{"code": sorted(member.codes)[number % len(member.codes)]}]
        return made


@cache
def generated(type_name: str) -> list[dict[str, Any]]:
    """Full resources of a type, one for each way that its choices can go (at most eleven)."""
    return [{"resourceType": type_name, **_Maker(variant).fill(type_name, ())} for variant in range(11)]


def all_generated() -> Iterator[dict[str, Any]]:
    """Made resources of every contract type."""
    for type_name in CONTRACT_TYPES:
        yield from generated(type_name)
