"""What is asked for by a kick-off: HL7 FHIR Bulk Data Access 2.0.0, "Bulk Data Kick-off Request". Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from hub.errors import BadRequest

FORMATS: Final = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
ACCEPTED: Final = ("application/fhir+json", "application/*", "*/*")
TYPES_MAX: Final = 200
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{0,63}")


class Asked(Struct, frozen=True):
    """What an export is to hold: of these types (none: all), stored since then. `query`: the same, as it was understood."""

    types: tuple[str, ...]
    since: datetime | None
    query: str


def understood(parameters: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Asked:
    """Reads a kick-off. Raises `BadRequest` for what is not understood; `Prefer: handling=lenient` leaves out unknown parameters."""
    preferences = {part.strip().lower() for part in headers.get("prefer", "").split(",")}
    if "respond-async" not in preferences:
        raise BadRequest("An export is made in the background.", hint="Send `Prefer: respond-async`.")
    if not accepts(headers.get("accept", "*/*")):
        raise BadRequest("The answer is FHIR JSON.", hint="Send `Accept: application/fhir+json`.")
    types: list[str] = []
    since: datetime | None = None
    for name, value in parameters:
        if name == "_outputFormat":
            if value.replace(" ", "+") not in FORMATS:  # a plus sign that was not escaped is a space
                raise BadRequest(
                    "Exports are NDJSON alone.", hint="Send `_outputFormat=application/fhir%2Bndjson`, or none."
                )
        elif name == "_since":
            since = instant(value)
        elif name == "_type":
            types += [part.strip() for part in value.split(",") if part.strip()]
        elif "handling=lenient" not in preferences:
            raise BadRequest(
                "A parameter is not understood here.",
                hint="There are _type, _since and _outputFormat. With `Prefer: handling=lenient` others are left out.",
            )
    if len(types) > TYPES_MAX or not all(_TYPE.fullmatch(type_) for type_ in types):
        raise BadRequest("_type is not a list of types of resources.", hint="Send `_type=Patient,Observation`.")
    known = tuple(sorted(set(types)))
    said = {"_type": ",".join(known)} if known else {}
    return Asked(known, since, urlencode(said | ({"_since": text(since)} if since is not None else {})))


def accepts(header: str) -> bool:
    """Whether the client takes FHIR JSON."""
    return any(part.partition(";")[0].strip().lower() in ACCEPTED for part in header.split(","))


def instant(value: str) -> datetime:
    """A FHIR instant. Raises `BadRequest`."""
    try:
        parsed = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise BadRequest(
            "_since is no instant.", hint="Send it as 2026-03-01T08:00:00Z: transactionTime of the last export."
        )
    return parsed.astimezone(UTC)


def text(at: datetime) -> str:
    """As a FHIR instant, to the millisecond, rounded down."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
