"""A referral admits by itself: an active order of a facility, about its patient, to another facility of the region, moves her there.

A ServiceRequest is noted in the transaction that stores it (`hub.ingest`), once for ever, and carried out right after, in a transaction
of its own: what may be wrong with one patient's records holds nobody's exchange up, and what a process did not get to, the next one does.

| what is found when it is carried out | what happens | state |
|---|---|---|
| she is the facility's that refers her | her record goes to the other, who is told so at home | `moved` |
| she is the other facility's already | nothing | `there` |
| she is a third one's: another referral was first, or she never was the patient of who refers her | nothing; told at home | `elsewhere` |
| she had left the clinic that refers her | nothing | `elsewhere` |
| the facility is not known, or in another region | nothing; told at home | `no-such-facility`, `another-region` |
| one of her ids is used there for something else | nothing; told at home | `id-shared` |
| it was revoked, completed or deleted meanwhile | nothing | `revoked` |
| her record has not come yet | it waits | `waiting` |
| it was offered to a hub that had lost it | nothing: she may have come back since | `recovered` |
| it is over, after she was moved | the facility that sent her is told | `ended` |

A referral that is revoked or deleted after she was moved moves her back no more: whoever wants her admits her. Home is told the name of
nobody who never was its patient: ids can be guessed.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import structlog
from msgspec import Struct

from hub import notices
from hub.authoring import put
from hub.bringing import bring
from hub.clues import body_of
from hub.errors import HubError, IdShared
from hub.places import Place
from hub.states import States
from hub.store.nodes import FacilityRow
from hub.store.referrals import CLOSING, MOVED, WAITING, ReferralRow
from hub.store.resources import ResourceRow
from hub.store.scopes import ScopeRow
from hub.store.shard import Shard
from hub.telling import end, tell
from sync_protocol.errors import ProtocolError
from sync_protocol.referral import PATIENT_REFERRAL, SNOMED
from sync_protocol.resource import Resource, last_stamp_ms

log = structlog.get_logger()

TYPE: Final = "ServiceRequest"
ELSEWHERE: Final = 0
"""Source of what was said by who has no part in the patient any more."""
RECOVERED: Final = -1
"""Source of what was offered in a reconciliation."""
A_ROUND: Final = 100


class Referral(Struct, frozen=True):
    """Who is referred to where: a Patient's id, a facility's, and who wrote it."""

    patient: str
    facility: str
    by: str


def referral(resource: Resource) -> Referral | None:
    """What a ServiceRequest says, when it is an active order of the category referral (SNOMED CT 3457005), about one patient, to one
    organization; else None. FHIR R4 ServiceRequest."""
    body = body_of(resource) if resource.type == TYPE else {}
    if (body.get("intent"), body.get("status")) != ("order", "active"):
        return None
    codings = [coding for kind in _objects(body.get("category")) for coding in _objects(kind.get("coding"))]
    wanted = any((one.get("system"), one.get("code")) == (SNOMED, PATIENT_REFERRAL) for one in codings)
    subject = body.get("subject")
    patient = _id_of("Patient", subject)
    facilities = [_id_of("Organization", performer) for performer in _objects(body.get("performer"))]
    if not wanted or not patient or len(facilities) != 1 or not facilities[0]:
        return None
    return Referral(patient, facilities[0], resource.elements["status"].shown.stamp.user)


def _subject(request: Resource) -> str:
    """The id of the Patient that a ServiceRequest is about."""
    return _id_of("Patient", body_of(request).get("subject"))


def _id_of(type_: str, reference: Any) -> str:
    text = reference.get("reference") if isinstance(reference, dict) else None
    given, _, id_ = text.partition("/") if isinstance(text, str) else ("", "", "")
    return id_ if given == type_ and id_ and "/" not in id_ else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class Uttered(Struct, frozen=True):
    """A ServiceRequest as a node's push left it. `held`: the node's scopes; `recovered`: it was offered in a reconciliation."""

    key: int
    scope: int
    request: Resource
    held: Collection[int]
    recovered: bool
    push: int


async def note(shard: Shard, uttered: Sequence[Uttered]) -> bool:
    """Notes what ServiceRequests that nodes wrote ask for, each once for ever. Whether anything has to be done."""
    asking: list[tuple[int, int]] = []
    over: list[int] = []
    # Who pushed first is first, and of one push who wrote first.
    for one in sorted(uttered, key=lambda said: (said.push, last_stamp_ms(said.request))):
        if referral(one.request) is None:
            over.append(one.key)
        else:
            source = RECOVERED if one.recovered else one.scope if one.scope in one.held else ELSEWHERE
            asking.append((one.key, source))
    if asking:
        await shard.note_referrals(asking)
    if over:
        await shard.close_referrals(over)
    return bool(uttered)


async def carry_out(hub: Place, now_ms: int) -> int:
    """Carries out what waits, each in a transaction of its own. Returns how many were tried. One that fails is tried again later."""
    async with hub.shard() as shard:
        waiting = await shard.open_referrals(A_ROUND)
    for key in waiting:
        try:
            async with hub.shard() as shard:
                await _Carrying(hub, shard, now_ms).run(key)
        except IdShared:
            async with hub.shard() as shard:
                await _Carrying(hub, shard, now_ms).leave(key, "id-shared")
        except (HubError, ProtocolError) as error:
            log.error("a referral was not carried out", key=key, error=type(error).__name__)
            async with hub.shard() as shard:  # behind the others, until somebody has mended what is wrong
                if (row := await shard.lock_referral(key)) is not None:
                    await shard.settle_referral(key, row.state)
    return len(waiting)


class _Carrying:
    """One referral in one transaction. Locks: the records by key, then the referral's row."""

    def __init__(self, hub: Place, shard: Shard, now_ms: int) -> None:
        self._hub, self._shard, self._now_ms = hub, shard, now_ms
        self._notice_id = ""

    async def run(self, key: int) -> None:
        request, patient = await self._locked(key)
        row = await self._shard.lock_referral(key)
        if row is None or row.state not in (WAITING, CLOSING):
            return
        if row.state == CLOSING:
            await self._tell_end(key, request)
            return
        said = referral(request)
        state = await self._decided(said, row, request, patient) if said is not None else "revoked"
        await self._shard.settle_referral(key, state)
        if state in notices.LEFT:
            await self._tell_left(request, patient, state, row.source)
        if state not in (WAITING, MOVED):
            await self._shard.note_act("hub", "referral", state)

    async def leave(self, key: int, state: str) -> None:
        """Writes down why a referral cannot be carried out, and tells it."""
        request, patient = await self._locked(key)
        row = await self._shard.lock_referral(key)
        if row is None or row.state != WAITING:
            return
        await self._shard.settle_referral(key, state)
        await self._tell_left(request, patient, state, row.source)

    async def _locked(self, key: int) -> tuple[Resource, ResourceRow | None]:
        """The ServiceRequest, and whom it is about, locked."""
        (seen,) = (await self._shard.read_states([key])).values()
        # Of its key: two facilities may use one id for two referrals.
        self._notice_id = self._hub.keys.resource_key(f"notice of {seen.rkey.hex()}").hex()
        request, scope = await self._open(seen)
        name = f"Patient/{_subject(request)}"
        own, usual = self._hub.keys.own_key(scope.name, name), self._hub.keys.resource_key(name)
        rows = {row.rkey: row for row in await self._shard.lock_present([seen.rkey, own, usual])}
        request, _ = await self._open(rows[seen.rkey])
        return request, rows.get(own, rows.get(usual))

    async def _open(self, row: ResourceRow) -> tuple[Resource, ScopeRow]:
        (scope,) = await self._shard.read_scopes([row.scope])
        return States(self._hub).open(scope, row.rkey, row.state), scope

    async def _decided(self, said: Referral, noted: ReferralRow, request: Resource, row: ResourceRow | None) -> str:
        source = noted.source
        if source == RECOVERED:
            return "recovered"
        if row is None:
            return WAITING
        facilities = await self._facilities(row.scope if source == ELSEWHERE else source)
        target = facilities.get(said.facility)
        if target is None:
            known = await self._shard.named_scopes([f"facility/{said.facility}"])
            return "another-region" if known else "no-such-facility"
        if row.scope == target.scope:
            return "there"
        if row.scope != source:
            return "elsewhere"
        await self._shard.settle_referral(noted.key, MOVED)  # that it was carried out goes along, to another shard too
        await self._move(said, request, row, target)
        return MOVED

    async def _facilities(self, scope: int) -> dict[str, FacilityRow]:
        """The facilities of the region that a scope is in, by id."""
        region = (await self._shard.regions_of([scope])).get(scope, "")
        return {facility.id: facility for facility in await self._shard.facilities_of(region)}

    async def _move(self, said: Referral, request: Resource, row: ResourceRow, target: FacilityRow) -> None:
        patient, old = await self._open(row)
        (new,) = await self._shard.read_scopes([target.scope])
        source = next(one for one in (await self._facilities(old.id)).values() if one.scope == old.id)
        brought = await bring(self._hub, self._shard, row, patient, old, new)
        told = notices.moved(
            self._notice_id,
            body_of(patient) or {"id": patient.id},
            source,
            target,
            who=said.by,
            reason="referral",
            at_ms=self._now_ms,
            referral=request.id,
            status="in-progress",
        )
        await put(self._hub, self._shard, old, [told], self._now_ms)
        about = f"{said.by}, referral: {brought.resources} records from {source.id} to {target.id}"
        await self._shard.note_act("hub", "person.admit", about)

    async def _tell_left(self, request: Resource, row: ResourceRow | None, reason: str, source: int) -> None:
        """To the facility that referred her, if it is one that still has a part in it."""
        homes = [one for one in (await self._facilities(source)).values() if one.scope == source]
        if not homes or row is None:
            return
        body: dict[str, Any] = {}
        if source == row.scope or source in (await self._shard.former_scopes([row.key])).get(row.key, frozenset()):
            patient, _ = await self._open(row)
            body = body_of(patient)
        body = body or {"id": _subject(request)}
        (scope,) = await self._shard.read_scopes([source])
        told = notices.left(self._notice_id, body, homes[0], reason, self._now_ms, request.id)
        await tell(self._hub, self._shard, scope, told, self._now_ms)

    async def _tell_end(self, key: int, request: Resource) -> None:
        """The notice at home says what became of it: she was seen, or the referral was given up."""
        status = "completed" if body_of(request).get("status") == "completed" else "not-done"
        await end(self._hub, self._shard, key, f"moved-{self._notice_id}", status, self._now_ms)
        await self._shard.settle_referral(key, "ended")
