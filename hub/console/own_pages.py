"""`/admin/me`: who one is here, and one's own one-time codes: an authenticator is enrolled, and confirmed by its first code."""

from typing import Any, Final

import segno
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from markupsafe import Markup

from hub.api.access import permitted
from hub.console.blocks import Block, Cell, Facts, Field, Form, News, Page
from hub.console.desk import Desk, done
from hub.console.forms import fields_of
from hub.errors import LoginRefused
from hub.sessions import authenticators
from hub.sessions.visitor import Visitor
from hub.store.sessions import CodeState, code_state

ME: Final = "/admin/me"
WAYS: Final = (Cell("You", href=ME),)
STATES: Final[dict[CodeState, Cell]] = {
    "none": Cell("not set up", tone="warn"),
    "begun": Cell("begun, not confirmed", tone="warn"),
    "on": Cell("asked for at each login", tone="good"),
}
LOST: Final = "If you lose the telephone, another administrator resets your codes at People."


@get("/me", guards=[permitted("own.codes")])
async def page(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    desk = Desk(request, visitor)
    async with desk.hub.database.transaction() as connection:
        state = await code_state(connection, visitor.name)
    rows = (
        ("Name", Cell(visitor.name)),
        ("Role", Cell(visitor.role)),
        ("Sees", Cell(visitor.region or "all regions")),
        ("One-time codes", STATES[state]),
    )
    blocks: list[Block] = [Facts(title="You", rows=rows)]
    if not visitor.session:
        blocks.append(
            News(text="You came with the hub's own token. Log in with your name to set up codes.", tone="quiet")
        )
    elif state == "on":
        blocks.append(News(text=LOST))
    else:
        blocks.append(_enrolling())
    return desk.answer(Page(title="You", here="", blocks=blocks))


def _enrolling() -> Form:
    return Form(
        title="Set up one-time codes",
        action=f"{ME}/codes",
        button="Show the secret",
        fields=(),
        intro="An authenticator on your telephone makes a new code every half minute. Whoever learns your password does not get in "
        f"without one. {LOST}",
    )


@post("/me/codes", status_code=200, guards=[permitted("own.codes")])
async def enrol(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[str]:
    """The secret is in this answer alone, which nothing keeps. Whoever asks again gets another."""
    desk = Desk(request, visitor)
    made = await authenticators.enrol(desk.hub.desk, visitor.name, visitor.name, confirmed=False)
    text = "Scan this with the authenticator on your telephone, or type the secret into it. It is shown this once."
    blocks: list[Block] = [News(text=text, code=made.secret, drawn=_drawn(made.uri)), _confirming()]
    return desk.answer(Page(title="Set up one-time codes", here="", blocks=blocks, ways=WAYS))


@post("/me/codes/confirm", status_code=200, guards=[permitted("own.codes")])
async def confirm(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Response[Any]:
    desk = Desk(request, visitor)
    given = await fields_of(request, "code")
    try:
        await authenticators.confirm(desk.hub.desk, visitor.name, given["code"].replace(" ", ""), desk.context.clock())
    except LoginRefused as fault:
        text = f"{fault} Codes change every half minute: type the one that is shown now."
        blocks: list[Block] = [News(text=text, tone="bad"), _confirming()]
        return desk.answer(Page(title="Set up one-time codes", here="", blocks=blocks, ways=WAYS, status=400))
    return await done(desk.hub.shards.first, ME, "own-codes")


def _confirming() -> Form:
    field = Field(
        name="code", label="Code", hint="The six digits that it shows now.", required=True, complete="one-time-code"
    )
    return Form(
        title="Then show that it works",
        action=f"{ME}/codes/confirm",
        button="Confirm",
        fields=(field,),
        intro="From then on a code is asked for whenever you log in.",
        cancel=ME,
    )


def _drawn(uri: str) -> Markup:
    """An address as a QR code in SVG."""
    svg = segno.make_qr(uri, error="m").svg_inline(
        border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    # Made of numbers by the library: nothing of the text is in it.
    return Markup(svg.replace("<svg ", '<svg role="img" aria-label="The secret as a QR code" ', 1))  # noqa: S704
