"""What was put aside, in words: what it is, whose, why, since when, from where; and a report of it that names nobody."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from edge_node.api.sight import Sight
from edge_node.fhir.validation import Issue
from edge_node.language import N_, Text, _
from edge_node.pages import codes, dates, people, records, words
from edge_node.pages.elements import label, nobody
from edge_node.pages.repairing import spots
from edge_node.store import aside, leaving, rows, state
from edge_node.store.aside import IMPORT, Aside
from edge_node.store.connection import Connection
from edge_node.store.rows import instant
from edge_node.store.store import Store

SHOWN_MAX: Final = 50
_SOURCES: Final[dict[str, Text]] = {
    IMPORT: N_("a file that was read in"),
    "exchange": N_("the hub"),
    "bundle": N_("a stick or another computer"),
}
_WHY: Final[dict[str, tuple[Text, Text]]] = {
    "InvalidResource": (
        N_("It is not written as such a record has to be."),
        N_("Put right what is named, or have the file made again and read it in once more."),
    ),
    "SameName": (
        N_("Two clinics use one number for two different records. The first that came is shown."),
        N_(
            "The clinic that it belongs to should give its records new numbers. Send the report to whoever runs the hub."
        ),
    ),
    "TooLarge": (
        N_("It is larger than a record may be."),
        N_("Send the report to whoever runs the hub."),
    ),
}
_OTHERWISE: Final = (
    N_("This program could not understand it. It may come from a newer program."),
    N_("Try again after this computer's program was brought up to date."),
)
_WRONG: Final[dict[str, Text]] = {
    "required": N_("%(what)s is missing"),
    "code-invalid": N_("%(what)s is not one of the words that are known for it"),
    "value": N_("%(what)s cannot be read"),
    "structure": N_("%(what)s is written in a wrong way"),
}


class Item(msgspec.Struct, frozen=True):
    """Something that was put aside, in words. `repairs`: places can be put right; `again`: it can be tried again."""

    number: int
    kind: str
    what: str
    patient_id: str
    patient: str
    why: str
    advice: str
    wrong: tuple[str, ...]
    since: str
    source: str
    again: bool
    repairs: bool


class Refused(msgspec.Struct, frozen=True):
    """A record of ours that the hub did not take; it is in the records here."""

    kind: str
    what: str
    type: str
    id: str
    patient_id: str
    patient: str


def items(store: Store, sight: Sight, now_ms: int) -> list[Item]:
    """What was put aside, newest first, as far as it is for who asks: without her right to see the record, what kind it is."""
    return [item(store, sight, aside.read(entry), now_ms) for entry in store.quarantine(SHOWN_MAX)]


def item(store: Store, sight: Sight, one: Aside, now_ms: int) -> Item:
    """One of them."""
    seen = bool(one.type) and sight.sees_type(one.type)
    resource = dict(one.resource) if one.resource is not None and seen else {}
    why, advice = _WHY.get(one.entry.reason, _OTHERWISE)
    patient_id, patient = _whose(store, sight, one, resource)
    kind = codes.kind(one.type) if one.type else _("something without a name")
    return Item(
        one.entry.number,
        kind[:1].upper() + kind[1:],
        _what(one.type, resource),
        patient_id,
        patient,
        str(why),
        str(advice),
        tuple(dict.fromkeys(_said(issue) for issue in one.issues)),
        dates.moment(one.entry.since_ms, now_ms),
        str(_SOURCES.get(one.entry.source, one.entry.source)),
        one.again,
        bool(seen and sight.writes_type(one.type) and spots(one.type, one.resource or {}, one.issues)),
    )


def _what(type_: str, resource: dict[str, Any]) -> str:
    if not resource:
        return ""
    if type_ == "Patient":
        return words.human_name(resource.get("name"))
    line = records.line(type_, resource, nobody)
    return words.joined([line.what, line.value, line.when], " · ")


def _whose(store: Store, sight: Sight, one: Aside, resource: dict[str, Any]) -> tuple[str, str]:
    """Id and name of the patient, where she is here and for who asks."""
    id_ = people.patient_of(one.type, one.id, resource) if resource else ""
    stored = store.read("Patient", id_) if id_ and sight.sees_type("Patient") else None
    if stored is None or stored.body is None:
        return "", ""
    return id_, people.called(stored) or _("Patient without a name")


def _said(issue: Issue) -> str:
    """What is wrong, by the name of its place: never a value."""
    name = label(issue.expression.rpartition(".")[2].partition("[")[0])
    said = _WRONG.get(issue.code, _WRONG["structure"]).of(what=f"“{name}”")
    return str(said)


def refused(store: Store, sight: Sight) -> list[Refused]:
    """Records of ours that the hub did not take."""
    with store.snapshot() as connection:
        keys = _held(connection)
    told = []
    for stored in store.read_many(keys):
        seen = sight.sees_type(stored.type) and stored.body is not None
        resource = words.decode(stored.body or b"{}") if seen else {}
        patient_id = people.patient_of(stored.type, stored.id, resource) if resource else ""
        found = store.read("Patient", patient_id) if patient_id else None
        name = people.called(found)
        kind = codes.kind(stored.type)
        what = _what(stored.type, resource)
        told.append(
            Refused(kind[:1].upper() + kind[1:], what, stored.type, stored.id, patient_id if name else "", name)
        )
    return told


def _held(connection: Connection) -> list[int]:
    query = f"SELECT key FROM {leaving.REFUSED} ORDER BY key LIMIT ?"
    return [key for (key,) in connection.execute(query, (SHOWN_MAX,))]


def report(store: Store, program: str, now_ms: int) -> str:
    """All of it as plain text to send on: kinds, rules and places, no value and nobody's number."""
    known = store.status()
    lines = [
        f"MedTech Edge {program}, node {known.node}, {instant(now_ms)}",
        f"put aside: {known.quarantine}",
        "",
    ]
    with store.snapshot() as connection:
        entries = state.quarantined(connection, 1000)
        held: Sequence[tuple[str, int]] = connection.execute(
            f"SELECT type, count(*) FROM resource WHERE key IN (SELECT key FROM {leaving.REFUSED}) GROUP BY type"
        ).fetchall()
        refused_kinds = [f"not taken by the hub: {rows.type_name(connection, int(t))}: {n}" for t, n in held]
    for entry in entries:
        one = aside.read(entry)
        where = "; ".join(f"{issue.expression}: {issue.diagnostics}" for issue in one.issues)
        rule = where if entry.source == IMPORT else (entry.detail or "")
        lines.append(
            f"{entry.number} since {instant(entry.since_ms)} from {entry.source}: {entry.reason}"
            f" type {one.type or '?'}, {len(entry.payload)} bytes. {rule}"
        )
    return "\n".join([*lines, *refused_kinds, ""])
