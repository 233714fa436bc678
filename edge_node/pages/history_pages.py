"""`/records/{type}/{id}/history`: who wrote each element of a record, when and where, what that replaced and stands beside. Audited."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.api.sight import Sight
from edge_node.errors import NotFound
from edge_node.pages import histories, people, words
from edge_node.pages.desk import Desk
from edge_node.pages.histories import Element
from edge_node.pages.patient_pages import Naming
from edge_node.pages.records import line
from edge_node.store import lineage
from edge_node.store.store import Store


class History(msgspec.Struct, frozen=True):
    """A record's history, and whose record it is. `gone`: it was deleted."""

    key: int
    title: str
    patient_id: str
    patient: str
    elements: list[Element]
    gone: bool


def handlers(desk: Desk) -> list[Any]:
    """The path."""

    @get("/records/{type_:str}/{id_:str}/history")
    async def history(request: Request[Any, Any, Any], type_: FromPath[str], id_: FromPath[str]) -> Response[Any]:
        caller = desk.caller(request, "see-patients")
        told: History = await desk.threads.search(read, desk.store, caller.sight, type_, id_, desk.now_ms())
        await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "history", told.key)
        return await desk.page(request, caller.author, "history.html", here="patients", told=told)

    return [history]


def read(store: Store, sight: Sight, type_: str, id_: str, now_ms: int) -> History:
    """A record's history out of the store. Raises NotFound for what never was here, Refused for what the reader may not see."""
    stored = store.read(type_, id_)
    if stored is None:
        raise NotFound()
    sight.check_seen(stored)
    resource = words.decode(stored.body) if stored.body is not None else {}
    naming = Naming(store, [stored])
    patient_id = people.patient_of(type_, id_, resource)
    patient = store.read("Patient", patient_id) if patient_id else None
    with store.snapshot() as connection:
        found = lineage.of_resource(connection, type_, id_)
    what = line(type_, resource, naming).what if resource and type_ != "Patient" else ""
    return History(
        stored.key,
        histories.title(type_, resource, what),
        patient_id if patient is not None else "",
        people.called(patient),
        histories.elements(type_, found, now_ms, naming=naming),
        stored.gone,
    )
