"""What every page of the console is made with: who asks, what she may see, what she asked for, and the answer as a page or a file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import Cookie

from hub.api.context import Context, context_of
from hub.console import rendering, wording
from hub.console.blocks import News, Page, tables
from hub.console.reading import Reader, Seen
from hub.errors import BadRequest, NotFound
from hub.places import Place
from hub.postgres.standbys import position
from hub.runtime import Hub
from hub.sessions.policy import may
from hub.sessions.visitor import Visitor

PAGE_ROWS: Final = 50
FILE_ROWS: Final = 20_000
SEEN_COOKIE: Final = "medtech-hub-seen"
SEEN_SECONDS: Final = 60
MENU: Final = (
    ("overview", "/admin", "Overview", "stats.see"),
    ("facilities", "/admin/facilities", "Facilities", "facilities.see"),
    ("nodes", "/admin/nodes", "Nodes", "nodes.see"),
    ("maternal", "/admin/maternal", "Mothers and babies", "dashboards.see"),
    ("quality", "/admin/quality", "Data quality", "dashboards.see"),
    ("waiting", "/admin/waiting", "Waiting", "quarantine.see"),
    ("people", "/admin/people", "People", "people.see"),
    ("audit", "/admin/audit", "Audit", "audit.see"),
    ("exports", "/admin/exports", "Exports", "export"),
)
DONE: Final[Mapping[str, str]] = {
    "revoked": "The node was revoked. It gets nothing any more.",
    "wipe": "The node was reported lost. It is told to erase itself when it calls.",
    "added": "The facility was added.",
    "moving": "The facility will be moved. This page says how far it is.",
    "export": "The export was asked for. It is made in the background.",
    "dropped": "The export was ended, and what was made of it is erased.",
    "person": "The person was added, or changed. Nodes learn of it with their next exchange.",
    "disabled": "The person can log in no more. Nodes learn of it with their next exchange.",
    "codes": "The one-time codes of this person were reset.",
    "own-codes": "The authenticator works. From now on its codes are asked for when you log in.",
    "resolved": "It was taken off the list.",
}
"""What a page says after something was done, by the word in its address."""


class Desk:
    """One request."""

    def __init__(self, request: Request[Any, Any, Any], visitor: Visitor) -> None:
        self.request, self.visitor = request, visitor
        self.context: Context = context_of(request)
        self.hub: Hub = self.context.hub
        self.now = datetime.fromtimestamp(self.context.clock() / 1000, UTC)
        self.reader = Reader(self.hub, visitor.region, _seen(request.cookies.get(SEEN_COOKIE, "")))
        self.file = self.asked("csv")
        self.limit = FILE_ROWS if self.file else PAGE_ROWS

    def asked(self, name: str) -> str:
        """A parameter of the address; '' when it is not there. Raises `BadRequest` for what no database takes."""
        value = str(self.request.query_params.get(name, ""))
        if len(value) > 200 or "\0" in value:
            raise BadRequest("The address of this page is wrong.", hint="Go back and follow the link again.")
        return value

    def may(self, act: str) -> bool:
        """Whether she may do something."""
        return may(self.visitor, act)

    def link(self, **changed: str | int) -> str:
        """This page's address with other parameters; empty ones are left out."""
        given = {name: str(value) for name, value in self.request.query_params.items() if name not in ("csv", "done")}
        wanted = {name: value for name, value in {**given, **{k: str(v) for k, v in changed.items()}}.items() if value}
        return f"{self.request.url.path}?{urlencode(wanted)}" if wanted else self.request.url.path

    def age_of(self, *views: str) -> str:
        """How old the numbers of views are, in words."""
        at = self.reader.answers.oldest(*views)
        if at is None:
            return "These numbers have not been worked out yet."
        return f"Numbers of {wording.moment(at).text} UTC, {wording.ago(at, self.now).text}."

    def answer(self, page: Page) -> Response[str]:
        """The page, or the table of it that was asked for as a file. Raises `NotFound` when it has no such table."""
        if self.file:
            found = next((table for table in tables(page) if table.name == self.file), None)
            if found is None:
                raise NotFound("This page has no such table.")
            return rendering.table_file(found)
        return rendering.html(
            page,
            visitor=self.visitor,
            menu=[(name, href, label) for name, href, label, act in MENU if self.may(act)],
            news=self._news(),
            desk=self,
            made=wording.moment(self.now).text,
        )

    def _news(self) -> list[News]:
        answers = self.reader.answers
        word = self.asked("done")
        told = [News(text=DONE[word], tone="good")] if word in DONE else []
        if answers.away:
            names = ", ".join(map(str, sorted(answers.away)))
            text = f"Not all databases answer (shard {names}). What they hold is missing on this page."
            told.append(News(text=text, tone="bad"))
        if answers.age_seconds >= 1:
            told.append(News(text=f"Read from copies that are {answers.age_seconds:.0f} seconds behind.", tone="quiet"))
        return told


def _seen(cookie: str) -> Seen:
    """The cookie's shard and position. Whoever writes one of her own gets the primary asked, and nothing else."""
    shard, _, at = cookie.partition(".")
    high, slash, low = at.partition("/")
    if not (shard.isascii() and shard.isdecimal() and slash) or len(cookie) > 32:
        return Seen()
    if any(not part or set(part) - set("0123456789ABCDEF") or len(part) > 8 for part in (high, low)):
        return Seen()
    return Seen(int(shard), at)


async def done(place: Place, path: str, word: str) -> Response[None]:
    """To a page that says that something was done, and that shows it: her next pages are read where it is known already."""
    async with place.transaction() as connection:
        at = await position(connection)
    cookie = Cookie(
        key=SEEN_COOKIE,
        value=f"{place.id}.{at}",
        max_age=SEEN_SECONDS,
        path="/admin",
        httponly=True,
        samesite="strict",
    )
    headers = {**rendering.HEADERS, "location": f"{path}?done={word}"}
    return Response(None, status_code=303, headers=headers, cookies=[cookie])


def redirect(path: str) -> Response[None]:
    """To another page, which is asked for by GET."""
    return Response(None, status_code=303, headers={**rendering.HEADERS, "location": path})
