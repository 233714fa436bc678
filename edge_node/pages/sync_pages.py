"""`/sync`: what is safe and what waits, and the button that sends it."""

from importlib.metadata import version as version_of
from typing import Any

import msgspec
from litestar import Request, Response, get, post

from edge_node.errors import EdgeError, NotEnrolled
from edge_node.language import _, ngettext
from edge_node.pages import agreement, programme_words, rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import posted, safe_next
from edge_node.pages.standing import changes, explained, waiting_kinds
from edge_node.store.store import Store


class Report(msgspec.Struct, frozen=True):
    """What an exchange did, of the numbers that people are told."""

    pushed: int = 0
    pulled: int = 0
    conflicts: int = 0
    digest_equal: bool = False
    pending: int = 0


def handlers(desk: Desk) -> list[Any]:
    """The paths."""

    @get("/sync")
    async def sync(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "see-node").author
        kinds, status = await desk.threads.search(_looked_up, desk.store)
        return await desk.page(
            request,
            author,
            "sync.html",
            here="sync",
            kinds=kinds,
            resources=status.resources,
            key_is_plain=desk.key_is_plain,
            programme=list(programme_words.told(desk.store.programme)),
            program=version_of("medtech-edge"),
        )

    @get("/sync/state")
    async def state(request: Request[Any, Any, Any]) -> Response[str]:
        desk.anyone(request, active=False).sight.check("see-node")
        known, told = await desk.threads.search(desk.standing)
        return rendering.page("standing.html", standing=told, known=known, path="/")

    @post("/sync", status_code=200)
    async def send(request: Request[Any, Any, Any]) -> Response[Any]:
        author = desk.caller(request, "sync-now").author
        following = safe_next((await posted(request)).get("next"))
        tone, text = await _send(desk)
        desk.tell(author, tone, text)
        return rendering.redirect(following)

    return [sync, state, send]


def _looked_up(store: Store) -> tuple[list[str], Any]:
    with store.snapshot() as connection:
        kinds = waiting_kinds(connection)
    return kinds, store.status()


async def _send(desk: Desk) -> tuple[str, str]:
    """One exchange, and what came of it."""
    if desk.sync is None:
        return "bad", _("This computer has no hub to send to. The page on the hub says how it gets one.")
    try:
        report = msgspec.convert(await desk.sync(), Report, from_attributes=True)
    except NotEnrolled:
        return "bad", _("This computer has no hub to send to. The page on the hub says how it gets one.")
    except EdgeError as error:
        reason, advice = explained(str(error))
        return "bad", _("Not sent. %(reason)s. %(advice)s", reason=reason, advice=advice)
    finally:
        desk.parts.feed.changed()
    await desk.threads.write(agreement.note, desk.store, report.digest_equal, desk.now_ms())
    return outcome(report)


def outcome(report: Report) -> tuple[str, str]:
    """What an exchange did, in a sentence or two."""
    sent = ngettext("%(count)s sent", "%(count)s sent", report.pushed) if report.pushed else _("nothing had to be sent")
    came = (
        ngettext("%(count)s came in", "%(count)s came in", report.pulled) if report.pulled else _("nothing new came in")
    )
    if report.pending:
        left = changes(report.pending)
        said = _(
            "Not all of it went: %(sent)s, %(came)s, %(left)s still here. It goes on by itself.",
            sent=sent,
            came=came,
            left=left,
        )
        return "bad", said
    end = (
        _("Everything here is safe at the hub.")
        if report.digest_equal
        else _("The hub has yet to show that it holds the same.")
    )
    return ("good" if report.digest_equal else "plain"), _(
        "Done: %(sent)s, %(came)s. %(end)s", sent=sent, came=came, end=end
    )
