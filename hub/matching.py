"""Patient `$match` over whole regions: who of their patients may be the one described (https://hl7.org/fhir/R4/patient-operation-match.html).

Asked by programs of who may export the same patients anyway. Found as a clinic finds (`hub.likely`), on all shards of a region. Each
question is written down, with who asked and how many were found, and not for whom; one may ask as often as a node may look for somebody.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from hub.errors import BadRequest, TooLittleKnown
from hub.likely import Likely, brought_up, likely
from hub.runtime import Hub
from hub.sessions.visitor import Visitor
from hub.store.audit import note_act
from sync_protocol.matching import clues
from sync_protocol.matching.person import Person, person_of

COUNT_DEFAULT: Final = 10
COUNT_MAX: Final = 50
SAID_MAX: Final = 60
"""Names, numbers and places of one person: who says more asks for several, and each costs clues."""
PATIENT_BYTES_MAX: Final = 32 * 1024
GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
BELOW_CERTAIN: Final = 0.9999
"""`search.score` of 1 would say that it is she; likeness alone never does."""


class Asked(Struct, frozen=True):
    """A question. `certain_only`: at most one, and two that are equally certain are none."""

    person: Person
    count: int = COUNT_DEFAULT
    certain_only: bool = False


def understood(patient: dict[str, Any], count: int, *, certain_only: bool) -> Asked:
    """A question for the Patient described. Raises `BadRequest`, `TooLittleKnown`."""
    if patient.get("resourceType") != "Patient":
        raise BadRequest("What is described is no Patient.", hint="Send a Patient as the parameter `resource`.")
    if len(msgspec.json.encode(patient)) > PATIENT_BYTES_MAX:
        raise BadRequest("The Patient is too large to be looked for.", hint="Leave out what does not tell who she is.")
    person = person_of(patient)
    if len([*person.names, *person.phones, *person.places, *person.mother, *person.identifiers]) > SAID_MAX:
        raise BadRequest(
            "More is described than one person.", hint="Send one Patient, with what is known of her alone."
        )
    if not clues.enough(person):
        raise TooLittleKnown
    return Asked(person, max(0, min(count, COUNT_MAX)), certain_only)


async def match(hub: Hub, visitor: Visitor, asked: Asked) -> list[Likely]:
    """Who may be meant, the likeliest first. Raises `TooManyRequests`; `PostgresFault` when a shard that may know her is away."""
    await hub.limits.find(visitor.name)
    brought = []
    for region in [visitor.region] if visitor.region else sorted(hub.shards.map.regions):
        for place in hub.shards.of_region(region):
            async with place.reading() as reading:
                brought.append(await brought_up(place, place.on(reading.connection), region, asked.person))
    told = _asked_for(likely(asked.person, brought), asked)
    async with hub.database.transaction() as connection:
        await note_act(connection, visitor.name, "person.match", str(len(told)))
    return told


def _asked_for(found: list[Likely], asked: Asked) -> list[Likely]:
    if asked.certain_only:
        found = [one for one in found if one.grade == "certain"]
        found = found if len(found) == 1 else []
    return found[: asked.count]


def entry(one: Likely) -> dict[str, Any]:
    """An entry of the answer. Ids are unique within a facility, which `meta.source` names."""
    meta = one.body.get("meta")
    source = {"source": f"urn:medtech:facility:{one.facility.id}"}
    return {
        "resource": one.body | {"meta": (meta if isinstance(meta, dict) else {}) | source},
        "search": {
            "mode": "match",
            "score": round(min(one.score.probability, BELOW_CERTAIN), 4),
            "extension": [{"url": GRADE, "valueCode": one.grade}],
        },
    }
