"""The CapabilityStatement, generated from the tables that do the work: types, search parameters, routes, operations."""

from functools import cache, lru_cache

import msgspec

from edge_node.api.incoming import READ_ONLY
from edge_node.api.operations import TABLE
from edge_node.api.patching import JSON_PATCH, MERGE_PATCH
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.parameters import parameters_of

FHIR_VERSION = "4.0.1"
READS = ("read", "vread", "history-instance", "history-type", "search-type")
WRITES = ("create", "update", "patch", "delete")
SYSTEM = ("transaction", "batch", "search-system", "history-system")


@lru_cache(maxsize=8)
def statement(base: str, version: str, date: str) -> bytes:
    """The CapabilityStatement of this server at `base`. `date`: when the program's version was made."""
    return msgspec.json.encode(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": date,
            "kind": "instance",
            "software": {"name": "MedTech Edge", "version": version},
            "implementation": {"description": "A clinic's node", "url": base},
            "fhirVersion": FHIR_VERSION,
            "format": ["application/fhir+json", "json"],
            "patchFormat": [JSON_PATCH, MERGE_PATCH],
            "rest": [
                {
                    "mode": "server",
                    "security": {"description": "Bearer token of POST /auth/login"},
                    "resource": [_resource(name) for name in CONTRACT_TYPES],
                    "interaction": [{"code": code} for code in SYSTEM],
                    "operation": _operations(None),
                    "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
                }
            ],
        }
    )


def _resource(name: str) -> dict[str, object]:
    parameters = parameters_of(name)
    references = [code for code, parameter in parameters.items() if parameter.kind == "reference"]
    interactions = READS if name in READ_ONLY else (*READS, *WRITES)
    told: dict[str, object] = {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": name not in READ_ONLY,
        "conditionalCreate": name not in READ_ONLY,
        "conditionalRead": "full-support",
        "conditionalUpdate": name not in READ_ONLY,
        "conditionalDelete": "single" if name not in READ_ONLY else "not-supported",
        "searchInclude": [f"{name}:{code}" for code in references],
        "searchRevInclude": _referring(name),
        "searchParam": [
            {"name": parameter.code, "definition": parameter.url, "type": parameter.kind}
            for parameter in parameters.values()
        ],
        "operation": _operations(name),
    }
    return {key: value for key, value in told.items() if value != []}


@cache
def _references() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Type, code and targets of each reference parameter."""
    return tuple(
        (name, parameter.code, parameter.targets)
        for name in CONTRACT_TYPES
        for parameter in parameters_of(name).values()
        if parameter.kind == "reference"
    )


def _referring(name: str) -> list[str]:
    return [f"{type_}:{code}" for type_, code, targets in _references() if name in targets]


def _operations(name: str | None) -> list[dict[str, str]]:
    """The operations of a type, or of the system."""
    level = {"system"} if name is None else {"type", "instance"}
    return [
        {"name": code.removeprefix("$"), "definition": operation.definition}
        for code, operation in TABLE.items()
        if operation.levels & level and (not operation.types or name in operation.types)
    ]
