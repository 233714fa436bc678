"""Resources that others wrote: the examples of the FHIR specification, and Synthea's patients."""

import gzip
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parent.parent / "data"


@cache
def specification_examples() -> tuple[bytes, ...]:
    """The 355 clinical examples of FHIR R4, as published."""
    with tarfile.open(DATA / "hl7_r4_examples_clinical.tar.gz") as archive:
        files = [archive.extractfile(member) for member in archive.getmembers() if member.isfile()]
        return tuple(file.read() for file in files if file is not None)


@cache
def synthea_resources(bundles: int) -> tuple[bytes, ...]:
    """All resources of some of the 120 synthetic patients, spread over the file."""
    with gzip.open(DATA / "synthea_r4_120_patients.ndjson.gz", "rt", encoding="utf-8") as lines:
        chosen = [line for i, line in enumerate(lines) if i % (120 // bundles) == 0]
    return tuple(json.dumps(entry["resource"]).encode() for line in chosen for entry in json.loads(line)["entry"])


@cache
def msgpack_suite() -> tuple[tuple[dict[str, Any], tuple[bytes, ...]], ...]:
    """kawanet/msgpack-test-suite: each value with all its valid encodings."""
    groups = json.loads((DATA / "msgpack-test-suite.json").read_text(encoding="utf-8"))
    return tuple(
        (case, tuple(bytes.fromhex(text.replace("-", "")) for text in case["msgpack"]))
        for group in groups.values()
        for case in group
    )


def exact(text: bytes) -> Any:
    """JSON with numbers as the digits they are written with."""
    return json.loads(text, parse_float=_digits, parse_int=_digits)


def _digits(text: str) -> tuple[str, str]:
    return ("number", text)
