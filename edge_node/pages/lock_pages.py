"""`/lock`, the lock of a browser's login and its opening; `/pin`; `/awake`, by which a page says that somebody types on it."""

from typing import Any

from litestar import Request, Response, get, post

from edge_node.api.access import Caller
from edge_node.api.login import CREDENTIAL_CHARS_MAX, address_of, session_cookie
from edge_node.api.outcome import Refused
from edge_node.api.places import from_here
from edge_node.api.unlocking import WrongPin
from edge_node.errors import SettingsWrong, TooManyTries, Unauthorised
from edge_node.language import N_, _, ngettext
from edge_node.pages import rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import asked_for, posted, safe_next

TOO_MANY = N_("There were too many wrong tries. Wait a minute or longer, then try again.")


def handlers(desk: Desk) -> list[Any]:
    """The paths."""
    return [*_lock(desk), *_pin(desk)]


def _lock(desk: Desk) -> list[Any]:
    unlocking = desk.parts.unlocking

    @get("/lock")
    async def shown(request: Request[Any, Any, Any]) -> Response[Any]:
        following = safe_next(asked_for(request).get("next"))
        if not desk.parts.access.is_locked(request.headers.get("cookie")):
            return rendering.redirect(following)
        return _form(desk, _locked(desk, request), following)

    @post("/lock", status_code=200)
    async def lock(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = _locked(desk, request)
        sent = await posted(request)
        await unlocking.lock(caller)
        following = safe_next(sent.get("next"))
        return rendering.redirect("/lock" if following == "/" else f"/lock?next={following}")

    @post("/unlock", status_code=200)
    async def unlock(request: Request[Any, Any, Any]) -> Response[Any]:
        _check_ours(request)
        caller = _locked(desk, request)
        sent = await posted(request)
        following = safe_next(sent.get("next"))
        pin, password = sent.get("pin", "").strip(), sent.get("password", "")
        if not (pin or password) or max(len(pin), len(password)) > CREDENTIAL_CHARS_MAX:
            return _form(desk, caller, following, _("Type your PIN, or your password."), 400)
        try:
            if pin:
                await unlocking.with_pin(caller, pin)
            else:
                await unlocking.with_password(caller, password, address_of(request))
        except WrongPin as wrong:
            said = ngettext(
                "This PIN is wrong. %(count)s try is left; then the password is needed.",
                "This PIN is wrong. %(count)s tries are left; then the password is needed.",
                wrong.left,
            )
            return _form(desk, caller, following, said, 401)
        except TooManyTries:
            return _form(desk, caller, following, str(TOO_MANY), 429)
        except Unauthorised:
            if pin:
                return rendering.redirect("/login?ended", [session_cookie(request, "", 0)])
            return _form(desk, caller, following, _("This password is wrong."), 401)
        return rendering.redirect(following)

    @post("/awake", status_code=204)
    async def awake(request: Request[Any, Any, Any]) -> None:
        desk.parts.access.caller(None, request.headers.get("cookie"))

    return [shown, lock, unlock, awake]


def _pin(desk: Desk) -> list[Any]:
    @get("/pin")
    async def form(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.anyone(request)
        return await desk.page(request, caller.author, "pin.html", here="pin", error="", has_pin=caller.has_pin)

    @post("/pin", status_code=200)
    async def set_pin(request: Request[Any, Any, Any]) -> Response[Any]:
        caller = desk.anyone(request)
        sent = await posted(request)
        pin, error = sent.get("pin", "").strip(), ""
        if pin != sent.get("again", "").strip():
            error = _("The two PINs are not the same.")
        else:
            error = await _set(desk, caller, sent.get("password", ""), pin, address_of(request))
        if error:
            page = {"error": error, "has_pin": caller.has_pin}
            return await desk.page(request, caller.author, "pin.html", here="pin", status=400, **page)
        desk.tell(
            caller.author,
            "good",
            _("Your PIN is set. It unlocks this screen after a pause; to log in, the password is needed."),
        )
        return rendering.redirect("/")

    return [form, set_pin]


async def _set(desk: Desk, caller: Caller, password: str, pin: str, address: str) -> str:
    """Sets a PIN; what is wrong with it, in words, or nothing."""
    if len(password) > CREDENTIAL_CHARS_MAX:
        return _("This password is wrong.")
    try:
        await desk.parts.unlocking.set_pin(caller, password, pin, address)
    except TooManyTries:
        return str(TOO_MANY)
    except Unauthorised:
        return _("This password is wrong.")
    except SettingsWrong as wrong:
        return str(wrong)
    return ""


def _locked(desk: Desk, request: Request[Any, Any, Any]) -> Caller:
    return desk.parts.access.locked_caller(request.headers.get("cookie"))


def _check_ours(request: Request[Any, Any, Any]) -> None:
    if not from_here(dict(request.headers), otherwise=True):
        raise Refused(403, "forbidden", _("This comes from another site"))


def _form(desk: Desk, caller: Caller, following: str, error: str = "", status: int = 200) -> Response[str]:
    known, _standing = desk.standing()
    return rendering.page(
        "lock.html",
        status,
        place=known.place,
        name=caller.author.user,
        has_pin=caller.has_pin,
        following=following,
        error=error,
    )
