"""`/admin/facilities/{id}/move`: a facility moves to another shard of its region, and how far it is."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from hub import relocating
from hub.api.access import permitted
from hub.console import acts, wording
from hub.console.blocks import Block, Cell, Facts, Field, Form, Links, News, Page
from hub.console.desk import Desk, done
from hub.console.forms import fields_of, name_in
from hub.relocating import Progress
from hub.runtime import Hub
from hub.sessions.visitor import Visitor

INTRO = (
    "The clinic works on meanwhile, and no change is lost or served twice. For a few seconds at the end its nodes are told to come again. "
    "It begins within a minute, and goes on by itself if the hub is restarted."
)
ALONE = "The region {region} is on one shard only. Another shard is put to its use with: medtech-hub shard serve ID --region {region}"


@get("/facilities/{facility:str}/move", guards=[permitted("facilities.move")])
async def page(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], facility: FromPath[str]
) -> Response[str]:
    desk = Desk(request, visitor)
    region, here = await acts.place_of(desk, name_in(facility))
    under_way = await relocating.progress(desk.hub, facility)
    blocks = _under_way(under_way, desk) if under_way is not None else _form(desk.hub, facility, region, here)
    ways = (Cell("Facilities", href="/admin/facilities"), Cell(facility, href=f"/admin/facilities/{facility}"))
    title = f"{facility} is being moved" if under_way is not None else f"Move {facility} to another shard"
    return desk.answer(Page(title=title, here="facilities", blocks=blocks, ways=ways))


def _under_way(told: Progress, desk: Desk) -> list[Block]:
    """How far a move is."""
    step = "handed over; what is left at the old shard is taken away" if told.handed_over else "being copied"
    rows = (
        ("From", Cell(f"shard {told.move.source}")),
        ("To", Cell(f"shard {told.move.target}")),
        ("Step", Cell(step)),
        ("Changes copied", Cell(f"{told.copied:,} of {told.changes:,}")),
        ("Share", wording.share(told.copied, told.changes)),
        ("As of", Cell(f"{wording.moment(desk.now).text} UTC")),
    )
    again = Links((Cell("Look again", href=page_of(told.move.facility), tone="good"),))
    return [Facts(title="How far it is", rows=rows), again]


def page_of(facility: str) -> str:
    """Where this page is."""
    return f"/admin/facilities/{facility}/move"


def _form(hub: Hub, facility: str, region: str, here: int) -> list[Block]:
    others = [shard for shard in hub.shards.map.regions[region].shards if shard != here]
    if not others:
        return [News(text=ALONE.format(region=region), tone="warn")]
    options = tuple((str(shard), f"Shard {shard}") for shard in others)
    return [
        Form(
            action=page_of(facility),
            button="Move it",
            intro=f"It is on shard {here}. {INTRO}",
            fields=(
                Field(name="shard", label="To", kind="select", value=options[0][0], options=options, required=True),
            ),
            cancel=f"/admin/facilities/{facility}",
        )
    ]


@post("/facilities/{facility:str}/move", guards=[permitted("facilities.move")])
async def move(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], facility: FromPath[str]
) -> Response[None]:
    desk = Desk(request, visitor)
    given = await fields_of(request, "shard")
    await acts.move_facility(desk, name_in(facility), given["shard"])
    return await done(desk.hub.shards.first, page_of(facility), "moving")
