"""What every page is made with: who is asking, what she is told about the hub, and what there is to say about what she just did."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request, Response

from edge_node.api.access import Caller
from edge_node.api.app import Parts
from edge_node.api.node import Sync
from edge_node.api.sight import sight_of
from edge_node.errors import Forbidden, NotFound
from edge_node.language import _
from edge_node.pages import card_numbers, reach, rendering
from edge_node.pages.standing import Facts, Standing, facts, standing
from edge_node.roles import Act, rights_of
from edge_node.store.model import Author

_NEWS_MAX = 1_000
BY_ITSELF = "x-part"
"""Header of requests that a script makes by itself: nobody sees the whole page, so what there is to tell waits for the next."""


class News(msgspec.Struct, frozen=True):
    """What came of something that was done: told once, on the next page. `tone`: `good`, `bad`, `plain`."""

    tone: str
    text: str


class Desk:
    """Makes pages. `sync` does one exchange; `key_is_plain`: the database's key lies beside it, as in demonstrations.
    `language` is the clinic's locale, for who has chosen none."""

    def __init__(self, parts: Parts, sync: Sync | None, key_is_plain: bool, language: str = "en") -> None:
        self.parts = parts
        self.store = parts.service.store
        self.threads = parts.threads
        self.sync = sync
        self.key_is_plain = key_is_plain
        self.language = language
        self._news: dict[str, News] = {}

    def now_ms(self) -> int:
        """The clock."""
        return self.parts.service.now_ms()

    def new_number(self) -> str:
        """A new short number for a patient's card."""
        return card_numbers.new(self.store)

    def anyone(self, request: Request[Any, Any, Any], *, active: bool = True) -> Caller:
        """Who is asking, whatever her role. Not `active`, or marked so by its script: the page asks by itself, which keeps no login awake.

        Raises Unauthorised, SessionLocked.
        """
        headers = request.headers
        by_hand = active and BY_ITSELF not in headers
        return self.parts.access.caller(headers.get("authorization"), headers.get("cookie"), active=by_hand)

    def caller(self, request: Request[Any, Any, Any], act: Act) -> Caller:
        """Who is asking, for a page that is for those who do this. Raises Unauthorised, SessionLocked, or Forbidden for all others."""
        caller = self.anyone(request)
        caller.sight.check(act)
        return caller

    def author(self, request: Request[Any, Any, Any]) -> Author:
        """Who is asking, for a page that shows whole records and writes in them.

        Raises Unauthorised, SessionLocked, or Forbidden for those who do not see all of a record. A page for others says what it
        needs (`caller`).
        """
        caller = self.caller(request, "see-patients")
        if not reach.sees_everybody(caller.sight):
            raise Forbidden(_("This is not for your role"))
        return caller.author

    def reader(self, request: Request[Any, Any, Any], patient: str) -> Caller:
        """Who is asking, for a page that shows all of one patient's record and writes nothing: she sees everybody's, opened this one with a
        reason, or it is her own. Raises Unauthorised, SessionLocked, Forbidden, or NotFound for a citizen, who learns of nobody else."""
        caller = self.anyone(request)
        if not reach.sees_whole(caller.sight, patient):
            raise reach.refused(caller.sight)
        return caller

    def visitor(self, request: Request[Any, Any, Any], patient: str) -> Caller:
        """Who is asking, for a page that shows what of one patient's record is for her. Raises as `reader` does."""
        caller = self.anyone(request)
        if not reach.may_see(caller.sight, patient):
            raise reach.refused(caller.sight)
        return caller

    def writer(self, request: Request[Any, Any, Any], types: Iterable[str]) -> Author:
        """Who is asking, for a form that writes resources of these types. Raises Unauthorised, SessionLocked, or Forbidden for those whose
        role does not write all of them."""
        caller = self.caller(request, "see-patients")
        if not reach.writes_all(caller.sight, types):
            raise Forbidden(_("This is not for your role"))
        return caller.author

    async def looked_at(self, author: Author, patient: str) -> None:
        """Writes into the audit that somebody saw who a patient is. Raises NotFound."""
        stored = self.store.read("Patient", patient)
        if stored is None or stored.gone:
            raise NotFound()
        await self.threads.write(self.store.record, author, self.now_ms(), "read", stored.key)

    def tell(self, author: Author, tone: str, text: str) -> None:
        """Something for the next page that this person sees."""
        if len(self._news) >= _NEWS_MAX:
            self._news.clear()
        self._news[author.user] = News(tone, text)

    def standing(self, role: str = "") -> tuple[Facts, Standing]:
        """The truth about the hub, read and in words. Who settles conflicts (`role`) is told of those that are hers to settle."""
        sight = sight_of(role)
        with self.store.snapshot() as connection:
            known = facts(connection, sight.writes_type) if sight.may("settle") else facts(connection)
        return known, standing(known, self.now_ms())

    async def page(
        self,
        request: Request[Any, Any, Any],
        author: Author,
        template: str,
        *,
        here: str,
        status: int = 200,
        **given: Any,
    ) -> Response[str]:
        """A page within the frame that all have. `here`: which entry of the menu it belongs to."""
        known, told = await self.threads.search(self.standing, author.role)
        acts = rights_of(author.role).acts
        unseen = await self.threads.search(self.parts.glass.unseen) if "see-opened" in acts else 0
        return rendering.page(
            template,
            status,
            author=author,
            acts=acts,
            unseen=unseen,
            idle_seconds=self.parts.access.idle_ms // 1000,
            place=known.place,
            standing=told,
            known=known,
            news=self._news.pop(author.user, None) if BY_ITSELF not in request.headers else None,
            here=here,
            full=len(self.store.unwritten) > 0,
            path=request.scope["path"],
            **given,
        )
