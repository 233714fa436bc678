"""How a node becomes one of the hub's: somebody invites it, and it shows the code once.

A code is ten signs of Crockford's base 32 (no I, L, O, U; reading mistakes are forgiven), as `7K2MX-9QRTA`: 50 bits,
valid for some hours, usable once, kept as a keyed hash. With 300 wrong tries a minute in all, a year of trying finds
one of a hundred open invitations with a chance of 1 in 70,000.
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from hub.errors import BadRequest, CodeRefused, NotFound, PostgresFault, Unauthorised
from hub.places import Place
from hub.postgres.engine import Connection
from hub.runtime import Hub
from hub.store.audit import note_act
from hub.store.nodes import (
    InviteRow,
    NodeRow,
    add_invite,
    add_node,
    lock_invite,
    note_attempt,
    read_facility,
    use_invite,
)
from hub.store.scopes import scopes_of_node

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_SIGNS: Final = 10
MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
NODE_ID_SIGNS: Final = 12
SECRET_BYTES: Final = 32

Role = Literal["clinic", "pop"]


class Invitation(Struct, frozen=True):
    """An invitation as shown to whoever made it: the only time that the code is seen."""

    code: str
    facility: str
    role: str
    region: str
    expires: datetime


class EnrollRequest(Struct, frozen=True):
    """What a node sends. `public_key`: its Ed25519 key, 32 bytes, in base64."""

    code: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(max_length=128)] = ""
    public_key: bytes = b""


class ScopeName(Struct, frozen=True):
    """A scope the node holds; `kind` is facility, region or global."""

    scope: str
    kind: str


class HubKeys(Struct, frozen=True):
    """Whom the node talks to: the hub's id, and its public keys in base64: bundles are sealed to the first and signed
    with the second."""

    id: str
    x25519: bytes
    ed25519: bytes


class Enrolled(Struct, frozen=True):
    """What a node gets, once. It authorises itself with `Authorization: Bearer <node>.<secret>`."""

    node: str
    secret: str
    facility: str
    role: str
    region: str
    scopes: list[ScopeName]
    hub: HubKeys
    time_ms: int


def new_code() -> str:
    """A fresh code, as it is shown."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(CODE_SIGNS))
    return f"{signs[: CODE_SIGNS // 2]}-{signs[CODE_SIGNS // 2 :]}"


def normal(code: str) -> str:
    """A code as it was meant, however it was written down."""
    return code.strip().upper().translate(MISREAD)


async def invite(
    hub: Hub, facility: str, role: Role, region: str | None, actor: str, *, within: str = ""
) -> Invitation:
    """Invites one node to a facility. Raises `NotFound` when there is no such facility, or not in the region `within`."""
    code = new_code()
    expires = datetime.now(UTC) + timedelta(hours=hub.settings.invite_hours)
    place = await hub.shards.of_facility(facility)
    async with place.transaction() as connection:
        at = await read_facility(connection, facility)
        if within not in ("", at.region):
            raise NotFound(f"There is no facility {facility} in {within}.")
        if region is not None and region != at.region:
            raise BadRequest(
                f"The facility {facility} is in {at.region}, not in {region}.",
                hint="Leave the region out, or name a facility of that region.",
            )
        row = InviteRow(facility, role, at.region, expires, None)
        await add_invite(connection, hub.keys.code_hash(normal(code)), row)
        await note_act(connection, actor, "node.invite", facility)
    return Invitation(code, facility, role, at.region, expires)


async def enroll(hub: Hub, request: EnrollRequest, address: str, time_ms: int) -> Enrolled:
    """Makes a node of whoever shows a valid code. Raises `CodeRefused`, `TooManyTries`, `RedisFault` or `BadRequest`."""
    if request.public_key and len(request.public_key) != 32:
        raise BadRequest("An Ed25519 public key has 32 bytes.")
    # It counts as wrong until it was right: so tries made at once do not pass together.
    await hub.limits.enrolling(address)
    code_hash = hub.keys.code_hash(normal(request.code))
    enrolled = await _redeemed(hub, code_hash, request, time_ms)
    if enrolled is None and await hub.shards.refresh():  # a shard that came since
        enrolled = await _redeemed(hub, code_hash, request, time_ms)
    if enrolled is None:
        raise CodeRefused
    await hub.limits.enrolling(address, -1)
    return enrolled


async def _redeemed(hub: Hub, code_hash: bytes, request: EnrollRequest, time_ms: int) -> Enrolled | None:
    """The code does not say whose it is: all shards are asked. Raises `PostgresFault` when one that may know it is away."""
    away: PostgresFault | None = None
    for place in hub.shards:
        try:
            async with place.transaction() as connection:
                enrolled = await redeem(connection, hub, code_hash, request, time_ms)
        except PostgresFault as error:
            away = error
            continue
        if enrolled is not None:
            return enrolled
    if away is not None:
        raise away
    return None


async def redeem(
    connection: Connection, hub: Hub, code_hash: bytes, request: EnrollRequest, time_ms: int
) -> Enrolled | None:
    """The new node, or None when the code is not, or not any more, good for one."""
    now = datetime.fromtimestamp(time_ms / 1000, UTC)
    invitation = await lock_invite(connection, code_hash)
    if invitation is None:
        return None
    if invitation.used is not None or invitation.expires <= now:
        await note_attempt(connection, code_hash)
        return None
    secret = secrets.token_urlsafe(SECRET_BYTES)
    node = NodeRow(
        id="n-" + "".join(secrets.choice(ALPHABET) for _ in range(NODE_ID_SIGNS)).lower(),
        facility=invitation.facility,
        role=invitation.role,
        region=invitation.region,
        state="active",
        name=request.name,
        enrolled=now,
        last_seen=None,
        clock_offset_ms=None,
        version=None,
        pending=None,
        secret_hash=sha256(secret.encode()).digest(),
        public_key=request.public_key or None,
    )
    await add_node(connection, hub.keys, node)
    await use_invite(connection, code_hash, node.id, now)
    await note_act(connection, node.id, "node.enroll", node.facility)
    scopes = await scopes_of_node(connection, node.id)
    return Enrolled(
        node=node.id,
        secret=secret,
        facility=node.facility,
        role=node.role,
        region=node.region,
        scopes=[ScopeName(scope.name, scope.kind) for scope in scopes],
        hub=HubKeys(hub.identity.id, hub.identity.x25519, hub.identity.ed25519),
        time_ms=time_ms,
    )


async def authorised(hub: Hub, authorization: str) -> tuple[Place, NodeRow]:
    """The node whose credentials these are, whatever its state, and where it is.

    Raises `Unauthorised`, or `PostgresFault` when the shard that may know it is away.
    The secret has 256 random bits, so its plain SHA-256 is kept: there is nothing to try.
    """
    scheme, _, credentials = authorization.partition(" ")
    identity, _, secret = credentials.strip().partition(".")
    if scheme.lower() != "bearer" or not identity or not secret:
        raise Unauthorised
    place, node = await hub.shards.of_node(identity)
    if not hmac.compare_digest(sha256(secret.encode()).digest(), node.secret_hash):
        raise Unauthorised
    return place, node
