"""What a browser sends of a long form, files too: bounded, since anybody can send anything."""

import io
from typing import Any, Final
from urllib.parse import parse_qsl

import multipart
from litestar import Request
from msgspec import Struct

from edge_node.api.outcome import Refused
from edge_node.forms.answers import Upload
from edge_node.forms.reading import Sent
from edge_node.language import _

FIELDS_MAX: Final = 400
TEXT_BYTES_MAX: Final = 512 * 1024
FILE_BYTES_MAX: Final = 8 * 1024 * 1024
_HEADERS_MAX: Final = 8
_PLAIN: Final = "application/x-www-form-urlencoded"
_PARTS: Final = "multipart/form-data"


class Sending(Struct, frozen=True):
    """A form's values by name, and its files: those that hold something."""

    values: Sent
    files: dict[str, Upload]

    def one(self, name: str) -> str:
        """The only value of a name; empty when there is none."""
        return next(iter(self.values.get(name, ())), "")


class Entered(Struct, frozen=True):
    """What stands in a form that is drawn (templates/form.html)."""

    values: Sent

    def value(self, name: str) -> str:
        """What stands in an input."""
        return next(iter(self.values.get(name, ())), "")

    def ticked(self, name: str, value: str) -> bool:
        """Whether a box or a choice is ticked."""
        return value in self.values.get(name, ())


async def posted(request: Request[Any, Any, Any]) -> Sending:
    """What a request brings. Raises Refused as `read` does."""
    return read(request.headers.get("content-type"), await request.body())


def read(content_type: str | None, body: bytes) -> Sending:
    """A form, in either of the two ways in which browsers send one. Raises Refused: 415 for anything else, 400 for what is broken."""
    media_type, options = multipart.parse_options_header(content_type or "")
    try:
        if media_type.lower() == _PLAIN:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
            return Sending(_gathered(pairs), {})
        if media_type.lower() == _PARTS and options.get("boundary"):
            return _parts(options["boundary"], body)
    except (
        ValueError,
        LookupError,
        multipart.MultipartError,
    ) as error:  # LookupError: a part in letters that do not exist
        raise Refused(400, "structure", _("The form could not be read"), _("Go back and send it again")) from error
    raise Refused(415, "not-supported", _("This is not what our form sends"), _("Go back and send the form again"))


def _parts(boundary: str, body: bytes) -> Sending:
    pairs, files = list[tuple[str, str]](), dict[str, Upload]()
    parser = multipart.MultipartParser(
        io.BytesIO(body),
        boundary,
        content_length=len(body),
        strict=True,
        header_limit=_HEADERS_MAX,
        part_limit=FIELDS_MAX,
        partsize_limit=FILE_BYTES_MAX,
        # Nothing goes to the disk: what is sent is about patients, and the disk outside of the database is not encrypted.
        spool_limit=len(body) + 1,
        memory_limit=len(body) + 1,
    )
    for part in parser:
        if part.filename is None:
            pairs.append((part.name, part.value))
        elif part.size:
            files[part.name] = Upload(part.filename[-200:], part.content_type[:100], part.raw)
    return Sending(_gathered(pairs), files)


def _gathered(pairs: list[tuple[str, str]]) -> Sent:
    if sum(len(value) for _, value in pairs) > TEXT_BYTES_MAX:
        raise ValueError("too much text")
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return values
