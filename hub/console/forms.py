"""What a browser's form sends, checked for what no field may hold."""

from typing import Any, Final

from litestar import Request

from hub.errors import BadRequest, NotFound

CHARS_MAX: Final = 1_024


def name_in(path: str) -> str:
    """A name out of an address. Raises `NotFound` for one that nothing can have."""
    if not path.isprintable() or len(path) > CHARS_MAX:
        raise NotFound("Nothing has such a name.", hint="Go back to the list and choose again.")
    return path


async def fields_of(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """These fields of a form, without spaces around them, '' where one is not there. Raises `BadRequest`."""
    sent = await request.form()
    found = {}
    for name in names:
        value = sent.get(name, "")
        if not isinstance(value, str) or len(value) > CHARS_MAX or "\0" in value:
            raise BadRequest("The form could not be read.", hint="Go back, and send it again.")
        found[name] = value if name == "password" else value.strip()
    return found
