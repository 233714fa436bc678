"""What a browser's form sends, and where it may lead: read strictly, since anybody can send anything."""

import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from litestar import Request

from edge_node.api import media
from edge_node.api.outcome import Refused
from edge_node.language import _

FIELDS_MAX = 20
_FORM = "application/x-www-form-urlencoded"
_SAFE = re.compile(r"/(?![/\\])[A-Za-z0-9/._~-]*(?:\?at=[A-Za-z0-9_-]+)?").fullmatch


def fields(content_type: str | None, body: bytes) -> dict[str, str]:
    """A form's fields. Raises Refused for what is no form."""
    if media.type_of(content_type or "") != _FORM:
        raise Refused(415, "not-supported", _("This is not what our form sends"), _("Go back and send the form again"))
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"))
    except ValueError as error:
        raise Refused(400, "structure", _("The form could not be read"), _("Go back and send it again")) from error


async def posted(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields of the form that a request brings. Raises Refused for what is no form."""
    return fields(request.headers.get("content-type"), await request.body())


def asked_for(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What stands behind the `?` of an address; of a name that is there twice, the first."""
    given = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {name: values[0] for name, values in given.items()}


def safe_next(path: str | None, *, also_login: bool = False) -> str:
    """A page of this node to go on to: a plain path, never another site. `also_login`: the login is one, too."""
    closed = ("/logout", "/assets") if also_login else ("/login", "/logout", "/lock", "/unlock", "/assets")
    return path if path is not None and _SAFE(path) and not path.startswith(closed) else "/"
