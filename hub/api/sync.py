"""What edge nodes call: `/sync/v1`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from litestar import Request, Response, Router, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody

from hub.admitting import admit
from hub.ahead import KEPT_SECONDS
from hub.api.answers import answers
from hub.api.context import Context, address_of
from hub.enrolment import Enrolled, EnrollRequest, authorised, enroll
from hub.errors import BadRequest, Busy, CodeRefused, HubError, NodeRevoked, NodeToWipe, TooLarge, WrongType
from hub.finding import find
from hub.load import Load, retry_after_seconds
from hub.people import tell_sessions
from hub.places import Place
from hub.pulling import make_ahead
from hub.referring import carry_out
from hub.store.audit import note_act
from hub.store.nodes import NodeRow, set_node_state
from hub.upkeep import carry_over
from sync_protocol import bounds
from sync_protocol.errors import ProtocolError
from sync_protocol.exchange.messages import MEDIA_TYPE

log = structlog.get_logger()
STATE_FAULTS: Final = {"revoked": NodeRevoked, "wipe": NodeToWipe, "wiped": NodeRevoked}


@post(
    "/enroll",
    status_code=201,
    summary="Enrol a node with the code of an invitation",
    responses=answers(400, 403, 413, 429, 503),
)
async def enroll_node(
    request: Request[Any, Any, Any], data: JSONBody[EnrollRequest], context: NamedDependency[Context]
) -> Enrolled:
    """Shows a code, gets an identity and a secret, once."""
    try:
        enrolled = await enroll(context.hub, data, address_of(request), context.clock())
    except CodeRefused:
        context.metrics.refused.inc()
        raise
    context.metrics.enrolled.inc()
    return enrolled


@post(
    "/exchange",
    status_code=200,
    summary="One exchange: changes in, changes out",
    description=f"Body and answer are `{MEDIA_TYPE}`, as sync_protocol/exchange/messages.py says.",
    media_type=MEDIA_TYPE,
    # Bounded below, by the hub's own setting.
    request_max_body_size=None,
    responses=answers(400, 401, 403, 409, 413, 415, 426, 429, 503),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
)
async def exchange_changes(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Response[bytes]:
    """Takes a place, then reads the body, then does the exchange in one transaction."""
    with place(request, context):
        at, node = await permitted(request, context)
        await context.hub.limits.exchange(node.id)
        body = await read_body(request, context, context.hub.settings.request_bytes_max)
        context.metrics.received.inc(len(body))
        answer = await context.gatherings.at(at).exchange(node, body)
        await tell_sessions(context.hub, at)
        context.metrics.sent.inc(len(answer))
        idle = context.hub.load.exchanges <= 1  # who waits for an answer goes before who is going to ask
        task = BackgroundTask(go_on, context, at, idle) if idle or at.referred or at.sends or at.shared else None
        return Response(answer, media_type=MEDIA_TYPE, background=task)


async def go_on(context: Context, at: Place, idle: bool) -> None:
    """The node has its answer: who was referred is moved. Its next answer is made, and thrown away when it does not ask for it soon."""
    if at.referred:
        at.referred = False
        try:
            await carry_out(at, context.clock())
        except HubError as error:  # the database went away: they are carried out with the next round of upkeep
            log.warning("referrals were not carried out", error=type(error).__name__)
    if at.sends or at.shared:
        try:
            await carry_over(at)
        except (HubError, ProtocolError) as error:  # the next round of upkeep does
            log.warning("what is for other shards was not carried over", error=type(error).__name__)
    for waiting in await make_ahead(at) if idle else ():
        asyncio.get_running_loop().call_later(KEPT_SECONDS, at.ahead.forget, waiting)


@post(
    "/find",
    status_code=200,
    summary="Look for a person among the patients of the node's region",
    description=f"Body and answer are `{MEDIA_TYPE}`, as sync_protocol/exchange/finding.py says.",
    media_type=MEDIA_TYPE,
    responses=answers(400, 401, 403, 404, 409, 413, 415, 426, 429, 503),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
)
async def find_person(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Response[bytes]:
    """Who may be meant."""
    return await answered(request, context, find)


@post(
    "/admit",
    status_code=200,
    summary="Admit somebody who was found, with her whole record",
    description=f"Body and answer are `{MEDIA_TYPE}`, as sync_protocol/exchange/finding.py says.",
    media_type=MEDIA_TYPE,
    responses=answers(400, 401, 403, 404, 409, 413, 415, 426, 429, 503),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
)
async def admit_person(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Response[bytes]:
    """She is the patient of the node's facility from now on."""
    return await answered(request, context, admit)


async def answered(
    request: Request[Any, Any, Any],
    context: Context,
    work: Callable[[Place, NodeRow, bytes, int], Awaitable[bytes]],
) -> Response[bytes]:
    """What an active node asks in a small message, answered in one transaction."""
    with place(request, context):
        at, node = await permitted(request, context)
        body = await read_body(request, context, bounds.FINDING_BYTES_MAX)
        return Response(await work(at, node, body, context.clock()), media_type=MEDIA_TYPE)


async def permitted(request: Request[Any, Any, Any], context: Context) -> tuple[Place, NodeRow]:
    """The active node that speaks, in the exchange's own type, and where it is. Raises WrongType, Unauthorised, NodeRevoked, NodeToWipe."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise WrongType(hint=f"Send {MEDIA_TYPE}.")
    at, node = await authorised(context.hub, request.headers.get("authorization", ""))
    only_active(node)
    return at, node


@post(
    "/wiped",
    status_code=200,
    summary="A node says that it has erased itself",
    responses=answers(400, 401, 503),
)
async def note_wiped(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> dict[str, str]:
    """The last that is heard of a node that was told to erase itself."""
    at, node = await authorised(context.hub, request.headers.get("authorization", ""))
    if node.state not in ("wipe", "wiped"):
        raise BadRequest("This node was not asked to erase itself.", hint="`medtech-hub node wipe NODE` asks it to.")
    async with at.transaction() as connection:
        await set_node_state(connection, node.id, "wiped")
        await note_act(connection, node.id, "node.wiped", node.id)
    return {"state": "wiped"}


def only_active(node: NodeRow) -> None:
    """Raises what a node that is not active any more has to be told."""
    if (fault := STATE_FAULTS.get(node.state)) is not None:
        raise fault


@contextmanager
def place(request: Request[Any, Any, Any], context: Context) -> Iterator[None]:
    """A place among those in work, with room for the body that was announced, taken before anything of it is read.

    Raises `Busy` when there is none. Who does not announce its body takes the room of the largest.
    """
    load, settings = context.hub.load, context.hub.settings
    size = min(_announced(request, settings.request_bytes_max), settings.request_bytes_max)
    if not load.has_room(settings.exchanges_max, settings.exchange_bytes_max, size):
        context.metrics.busy.inc()
        later = retry_after_seconds(
            settings.retry_after_seconds, load.refused, settings.exchanges_max, context.chance()
        )
        load.refused += 1
        raise Busy(retry_after_seconds=later)
    _count(context, load, 1, size)
    try:
        yield
    finally:
        _count(context, load, -1, -size)
        if 2 * load.exchanges <= settings.exchanges_max and 2 * load.bytes <= settings.exchange_bytes_max:
            load.refused = 0


def _count(context: Context, load: Load, exchanges: int, size: int) -> None:
    load.exchanges += exchanges
    load.bytes += size
    context.metrics.in_work.inc(exchanges)
    context.metrics.bytes_in_work.inc(size)


def _announced(request: Request[Any, Any, Any], otherwise: int) -> int:
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdigit() else otherwise


async def read_body(request: Request[Any, Any, Any], context: Context, bytes_max: int) -> bytes:
    """The body, within its bounds of size and time. Raises `TooLarge` as early as it can be known."""
    announced = _announced(request, 0)
    if announced > bytes_max:
        raise TooLarge(f"The body has {announced} bytes; at most {bytes_max} are taken.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WrongType("A compressed body is not taken; frames are compressed already.", hint="Send it as it is.")
    try:
        async with asyncio.timeout(context.hub.settings.upload_seconds_max):
            return b"".join([chunk async for chunk in bounded(request, bytes_max)])
    except TimeoutError as error:
        raise BadRequest("The body did not come in time.", hint="Send smaller frames.") from error


async def bounded(request: Request[Any, Any, Any], bytes_max: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `TooLarge` when it goes over."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > bytes_max:
            raise TooLarge(f"The body is larger than {bytes_max} bytes.")
        yield chunk


router = Router(
    "/sync/v1", route_handlers=[enroll_node, exchange_changes, find_person, admit_person, note_wiped], tags=["nodes"]
)
