"""`/patients/{id}/all`: a whole record on one page; `/patients/{id}/part/{section}`: one section of it. Audited."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from edge_node.api.access import Caller
from edge_node.errors import NotFound
from edge_node.pages import corrections, patient_pages, reach, rendering
from edge_node.pages.desk import BY_ITSELF, Desk
from edge_node.pages.patient import Page, Section
from edge_node.pages.reach import Reach


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/patients/{id_:str}/all")
    async def whole(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        caller = desk.visitor(request, id_)
        going_on = await desk.threads.search(patient_pages.goes_on, desk.store, id_)
        if going_on != id_:
            return rendering.redirect(f"/patients/{going_on}/all")
        page = await _read(desk, caller, id_)
        return await _shown(desk, request, caller, page, page.sections, dangers=reach.sees_whole(caller.sight, id_))

    @get("/patients/{id_:str}/part/{name:str}")
    async def part(request: Request[Any, Any, Any], id_: FromPath[str], name: FromPath[str]) -> Response[Any]:
        caller = desk.visitor(request, id_)
        page = await _read(desk, caller, id_)
        section = next((one for one in page.sections if one.id == name), None)
        if section is None:
            raise NotFound()
        if BY_ITSELF in request.headers:
            offered = corrections.offered(caller.sight)
            given: dict[str, Any] = {
                "section": section,
                "patient": page,
                "corrections": offered,
                "reach": Reach(caller.sight),
            }
            return await desk.page(request, caller.author, "part.html", here="patients", **given)
        return await _shown(desk, request, caller, page, (section,), dangers=False)

    return [whole, part]


async def _read(desk: Desk, caller: Caller, id_: str) -> Page:
    key, page = await desk.threads.search(patient_pages.read_sections, desk.store, caller.sight, id_, desk.now_ms())
    await desk.threads.write(desk.store.record, caller.author, desk.now_ms(), "read", key)
    return page


async def _shown(
    desk: Desk,
    request: Request[Any, Any, Any],
    caller: Caller,
    page: Page,
    sections: tuple[Section, ...],
    *,
    dangers: bool,
) -> Response[Any]:
    return await desk.page(
        request,
        caller.author,
        "patient_part.html",
        here="patients",
        patient=page,
        sections=sections,
        dangers=dangers,
        corrections=corrections.offered(caller.sight),
        reach=Reach(caller.sight),
    )
