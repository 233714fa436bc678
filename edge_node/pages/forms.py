"""What a browser's form sends, and where it may lead: read strictly, since anybody can send anything."""

import re
from urllib.parse import parse_qsl

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


def safe_next(path: str | None, *, also_login: bool = False) -> str:
    """A page of this node to go on to: a plain path, never another site. `also_login`: the login is one, too."""
    closed = ("/logout", "/assets") if also_login else ("/login", "/logout", "/lock", "/unlock", "/assets")
    return path if path is not None and _SAFE(path) and not path.startswith(closed) else "/"
