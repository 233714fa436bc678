"""Small pieces of FHIR JSON as days, moments and references: what `record` reads with.

Sources: FHIR R4 data types (https://hl7.org/fhir/R4/datatypes.html), references (https://hl7.org/fhir/R4/references.html).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

Resource = Mapping[str, Any]
"""A FHIR resource as decoded JSON."""

EPISODE_LINK: Final = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
"""The standard extension that names the EpisodeOfCare of a resource which has no element for it."""

VOID: Final = frozenset({"entered-in-error", "cancelled", "not-done", "refuted", "draft"})
"""States in which a resource says nothing about the patient."""

YEARS: Final = range(1850, 2200)
"""Years in which days are believed. Others are typing errors, and would run out of the calendar."""

_DAYS: Final = (
    "effectiveDateTime",
    "occurrenceDateTime",
    "performedDateTime",
    "authoredOn",
    "onsetDateTime",
    "recordedDate",
    "dateAsserted",
)
_PERIODS: Final = ("effectivePeriod", "performedPeriod", "period", "onsetPeriod")


def ref_of(resource: Resource) -> str:
    """`Type/id` of a resource."""
    return f"{resource.get('resourceType', '')}/{resource.get('id', '')}"


def target(reference: object) -> str:
    """`Type/id` that a Reference means, without server and version; "" if it means nothing. A `urn:` stays as it is."""
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or not text:
        return ""
    if text.startswith("urn:"):
        return text
    parts = text.partition("/_history")[0].rstrip("/").split("/")
    return "/".join(parts[-2:])


def about(resource: Resource) -> str:
    """The patient whom a resource is about, `Patient/id`; "" where it names none."""
    if resource.get("resourceType") == "Patient":
        return ref_of(resource)
    whose = target(resource.get("subject")) or target(resource.get("patient"))
    return whose if whose.startswith("Patient/") else ""


def is_dead(patient: Resource) -> bool:
    """Whether a Patient died."""
    return bool(patient.get("deceasedBoolean")) or bool(patient.get("deceasedDateTime"))


def same_people(patient: str, resources: Iterable[Resource]) -> set[str]:
    """Ids under which a person is known in what is shown together as hers: her own, and those of records that a merge joined to it
    (`edge_node/same_person.py`), whichever of the two says so."""
    links = {
        str(each.get("id")): {
            target(link.get("other")).removeprefix("Patient/")
            for link in items(each.get("link"))
            if link.get("type") in _MERGES
        }
        for each in resources
        if each.get("resourceType") == "Patient"
    }
    found = {patient}
    while more := {id_ for one, others in links.items() for id_ in (one, *others) if found & {one, *others}} - found:
        found |= more
    return {patient, *(found & links.keys())}


_MERGES: Final = frozenset({"replaces", "replaced-by"})


def targets(references: object) -> tuple[str, ...]:
    """What a list of references (or a single one) means."""
    many = references if isinstance(references, list) else [references]
    return tuple(found for found in map(target, many) if found)


def whole_day(text: object) -> date | None:
    """The calendar day of a FHIR date, dateTime or instant as written; None if it is less precise than a day, or none, or in a year
    outside of `YEARS`."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year in YEARS else None


def about_day(text: object) -> date | None:
    """As `whole_day`; the middle of the month or year where no more is known."""
    if not isinstance(text, str):
        return None
    exact = whole_day(text)
    if exact is not None:
        return exact
    # A year stands for its middle, and so does a month.
    return whole_day({4: f"{text}-07-01", 7: f"{text}-15"}.get(len(text)))


def moment(text: object) -> datetime | None:
    """The moment of a dateTime with time and zone; None of one without."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def written(resource: Resource) -> str:
    """The time that a resource is about, as written; "" if it tells none. Not the time of recording."""
    for name in _DAYS:
        if isinstance(resource.get(name), str):
            return str(resource[name])
    for name in _PERIODS:
        period = resource.get(name)
        if isinstance(period, dict) and isinstance(period.get("start"), str):
            return str(period["start"])
    instant = resource.get("effectiveInstant", resource.get("issued"))
    return instant if isinstance(instant, str) else ""


def recorded(resource: Resource) -> date | None:
    """The day on which a resource was stored."""
    meta = resource.get("meta")
    return whole_day(meta.get("lastUpdated")) if isinstance(meta, dict) else None


def state(resource: Resource) -> str:
    """The status of a resource, or its verification status, which is a code in FHIR of either sort; "" if none."""
    plain = resource.get("status")
    if isinstance(plain, str):
        return plain
    return coded(resource.get("verificationStatus"))


def coded(codeable: object) -> str:
    """The first code of a CodeableConcept from one of FHIR's own systems."""
    codings = codeable.get("coding") if isinstance(codeable, dict) else None
    first = next(iter(codings), None) if isinstance(codings, list) else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) else ""


def items(value: object) -> list[Any]:
    """A list as it is; anything else as no list."""
    return value if isinstance(value, list) else []


def linked_episodes(resource: Resource) -> tuple[str, ...]:
    """The episodes that a resource names: EpisodeOfCare in Encounter.episodeOfCare, or the standard extension."""
    named = [
        extension.get("valueReference") for extension in items(resource.get("extension")) if _links_episode(extension)
    ]
    return targets([*items(resource.get("episodeOfCare")), *named])


def _links_episode(extension: object) -> bool:
    return isinstance(extension, dict) and extension.get("url") == EPISODE_LINK


def encounter(resource: Resource) -> str:
    """The Encounter in which a resource came about; "" if it names none."""
    return target(resource.get("encounter")) or target(resource.get("context"))


def who(resource: Resource) -> str:
    """Who stated or did it: the first performer, requester, recorder or informant."""
    for name in ("performer", "requester", "recorder", "asserter", "informationSource", "participant"):
        told = resource.get(name)
        for entry in told if isinstance(told, list) else [told]:
            found = target(entry) or (target(entry.get("actor")) if isinstance(entry, dict) else "")
            if found:
                return found
    return ""


def by_type(resources: Iterable[Resource], *names: str) -> list[Resource]:
    """The resources of some types that count: not entered in error, cancelled or refuted."""
    return [resource for resource in resources if resource.get("resourceType") in names and state(resource) not in VOID]
