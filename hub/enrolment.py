"""How a node becomes one of the hub's: somebody invites it, and it shows the code once.

A code is ten signs of Crockford's base 32 (no I, L, O, U; reading mistakes are forgiven), as `7K2MX-9QRTA`: 50 bits,
valid for some hours, usable once, kept as a keyed hash. With 300 wrong tries a minute in all, a year of trying finds
one of a hundred open invitations with a chance of 1 in 70,000.
"""

import hmac
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from hub.errors import BadRequest, CodeRefused, TooManyTries, Unauthorised
from hub.postgres.engine import Connection
from hub.runtime import Hub
from hub.store.audit import note_act
from hub.store.nodes import (
    InviteRow,
    NodeRow,
    add_invite,
    add_node,
    find_node,
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
WINDOW_SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 10_000

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


class Limiter:
    """Counts wrong tries in the last minute, per address and in all. In memory: a restart forgives."""

    def __init__(self, per_address: int, in_all: int, clock: Callable[[], float]) -> None:
        self.per_address = per_address
        self.in_all = in_all
        self.clock = clock
        self.all: deque[float] = deque()
        self.addresses: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """Raises `TooManyTries` when this address, or all together, have tried too often."""
        for tries, limit in ((self.addresses.get(address), self.per_address), (self.all, self.in_all)):
            if tries is None:
                continue
            while tries and tries[0] <= self.clock() - WINDOW_SECONDS:
                tries.popleft()
            if len(tries) >= limit:
                raise TooManyTries(retry_after_seconds=int(tries[0] + WINDOW_SECONDS - self.clock()) + 1)

    def failed(self, address: str) -> None:
        """Counts a wrong try."""
        if len(self.addresses) >= ADDRESSES_MAX:
            # All are forgotten, rather than searched for the oldest at every try; the limit in all still holds.
            self.addresses.clear()
        for tries in (self.all, self.addresses.setdefault(address, deque())):
            tries.append(self.clock())


def new_code() -> str:
    """A fresh code, as it is shown."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(CODE_SIGNS))
    return f"{signs[: CODE_SIGNS // 2]}-{signs[CODE_SIGNS // 2 :]}"


def normal(code: str) -> str:
    """A code as it was meant, however it was written down."""
    return code.strip().upper().translate(MISREAD)


async def invite(hub: Hub, facility: str, role: Role, region: str | None, actor: str) -> Invitation:
    """Invites one node to a facility. Raises `NotFound` when there is no such facility."""
    code = new_code()
    expires = datetime.now(UTC) + timedelta(hours=hub.settings.invite_hours)
    async with hub.database.transaction() as connection:
        at = await read_facility(connection, facility)
        if region is not None and region != at.region:
            raise BadRequest(
                f"The facility {facility} is in {at.region}, not in {region}.",
                hint="Leave the region out, or name a facility of that region.",
            )
        row = InviteRow(facility, role, at.region, expires, None)
        await add_invite(connection, hub.keys.code_hash(normal(code)), row)
        await note_act(connection, actor, "node.invite", facility)
    return Invitation(code, facility, role, at.region, expires)


async def enroll(hub: Hub, limiter: Limiter, request: EnrollRequest, address: str, time_ms: int) -> Enrolled:
    """Makes a node of whoever shows a valid code. Raises `CodeRefused`, `TooManyTries` or `BadRequest`."""
    limiter.check(address)
    if request.public_key and len(request.public_key) != 32:
        raise BadRequest("An Ed25519 public key has 32 bytes.")
    code_hash = hub.keys.code_hash(normal(request.code))
    async with hub.database.transaction() as connection:
        enrolled = await redeem(connection, hub, code_hash, request, time_ms)
    if enrolled is None:
        limiter.failed(address)
        raise CodeRefused
    return enrolled


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


NOBODY: Final = sha256(b"nobody's secret").digest()


async def authorised(hub: Hub, authorization: str) -> NodeRow:
    """The node whose credentials these are, whatever its state. Raises `Unauthorised`.

    The secret has 256 random bits, so its plain SHA-256 is kept: there is nothing to try.
    """
    scheme, _, credentials = authorization.partition(" ")
    identity, _, secret = credentials.strip().partition(".")
    if scheme.lower() != "bearer" or not identity or not secret:
        raise Unauthorised
    async with hub.database.transaction() as connection:
        node = await find_node(connection, identity)
    expected = node.secret_hash if node is not None else NOBODY
    if not hmac.compare_digest(sha256(secret.encode()).digest(), expected) or node is None:
        raise Unauthorised
    return node
