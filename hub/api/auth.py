"""Logging in and out over HTTP: `/auth`, and the keys that prove our tokens."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from msgspec import Meta, Struct

from hub.api.access import bearer_of, check_same_origin, cookie_of, permitted, session_cookie
from hub.api.answers import answers
from hub.api.context import Context, address_of
from hub.errors import Unauthorised
from hub.sessions import authenticators, login
from hub.sessions.codes import Enrolment
from hub.sessions.desk import Desk
from hub.sessions.login import Credentials, Granted
from hub.sessions.sessions import moment
from hub.sessions.visitor import Visitor

NO_STORE = [ResponseHeader(name="Cache-Control", value="no-store")]
KEYS_SECONDS = 60
TEXT_CHARS_MAX = 4_096

Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class Shown(Struct, frozen=True):
    """What somebody shows who logs in. `otp`: the six digits of her authenticator, if she has one."""

    username: Text
    password: Text
    otp: Text = ""


class Refreshing(Struct, frozen=True):
    """The refresh token that one has."""

    refresh_token: Text


class Code(Struct, frozen=True):
    """Six digits."""

    otp: Text


@post(
    "/auth/login",
    status_code=200,
    summary="Log in: tokens for programs, a cookie for browsers",
    response_headers=NO_STORE,
    responses=answers(400, 413, 401, 403, 429, 503),
)
async def log_in(
    request: Request[Any, Any, Any], data: JSONBody[Shown], context: NamedDependency[Context]
) -> Response[Granted]:
    """What is refused does not tell whether there is such a name."""
    check_same_origin("POST", request.headers, otherwise=True)
    desk, shown = context.hub.desk, Credentials(data.username, data.password, data.otp)
    done = await login.log_in(desk, shown, address_of(request), context.clock())
    cookie = session_cookie(request, done.cookie, desk.settings.session_hours_max)
    return Response(done.granted, cookies=[cookie])


@post(
    "/auth/refresh",
    status_code=200,
    summary="The next access and refresh token; one that was used before ends the session",
    response_headers=NO_STORE,
    responses=answers(400, 413, 401, 429, 503),
)
async def refresh(
    request: Request[Any, Any, Any], data: JSONBody[Refreshing], context: NamedDependency[Context]
) -> Granted:
    """A refresh token is good for one use."""
    await context.hub.limits.requests("", address_of(request))
    return await login.go_on(context.hub.desk, data.refresh_token, context.clock())


@post(
    "/auth/logout",
    status_code=204,
    summary="End the session of the token or cookie that comes along",
    response_headers=NO_STORE,
    responses={204: ResponseSpec(None, description="Nobody is logged in any more.")} | answers(403, 429, 503),
)
async def log_out(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Response[None]:
    """Afterwards no process lets it in: also by an access token whose own time is over, since its session may go on. Without a session,
    or with one that is over, nothing happens."""
    desk = context.hub.desk
    await context.hub.limits.requests("", address_of(request))
    session = None
    if (bearer := bearer_of(request.headers)) is not None:
        session = await session_of(desk, bearer, context.clock())
    elif (cookie := cookie_of(request)) is not None:
        check_same_origin("POST", request.headers)
        ticket = desk.cookies.read(cookie)
        session = ticket.session if ticket is not None else None
    if session is not None:
        await login.log_out(desk, session, context.clock())
    return Response(None, status_code=204, cookies=[session_cookie(request, "", 0)])


async def session_of(desk: Desk, token: str, now_ms: int) -> str | None:
    """The session of an access or refresh token; None for what is neither of this hub's."""
    if (ticket := desk.refresh.read(token)) is not None:
        return ticket.session
    try:
        return (await desk.proven(token, now_ms)).sid
    except Unauthorised:
        return None


@post(
    "/auth/totp",
    status_code=201,
    summary="Enrol an authenticator of one's own; its secret is shown this once",
    guards=[permitted("own.codes")],
    response_headers=NO_STORE,
    responses=answers(401, 403, 404, 409, 429, 503),
)
async def enrol_codes(visitor: NamedDependency[Visitor], context: NamedDependency[Context]) -> Enrolment:
    """Codes are asked for once one was confirmed."""
    return await authenticators.enrol(context.hub.desk, visitor.name, visitor.name, confirmed=False)


@post(
    "/auth/totp/confirm",
    status_code=204,
    summary="Show the first code of the authenticator; from now on one is asked for",
    guards=[permitted("own.codes")],
    responses=answers(400, 413, 401, 403, 404, 429, 503),
)
async def confirm_codes(
    data: JSONBody[Code], visitor: NamedDependency[Visitor], context: NamedDependency[Context]
) -> None:
    await authenticators.confirm(context.hub.desk, visitor.name, data.otp, context.clock())


@get(
    "/.well-known/jwks.json",
    summary="The public keys that prove access tokens (RFC 7517)",
    response_headers=[ResponseHeader(name="Cache-Control", value=f"public, max-age={KEYS_SECONDS}")],
    responses=answers(503),
)
async def jwks(context: NamedDependency[Context]) -> dict[str, Any]:
    """For programs that want to prove a token themselves; whether its session holds is known here alone."""
    return await context.hub.desk.keyring.published(moment(context.clock()))


router = Router("/", route_handlers=[log_in, refresh, log_out, enrol_codes, confirm_codes, jwks], tags=["login"])
