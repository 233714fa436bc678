"""JSON as Python values whose numbers keep the digits their author wrote (FHIR R4: precision of decimals is significant)."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from sync_protocol import bounds, json_text
from sync_protocol.errors import MalformedJson


class Number:
    """A JSON number, as written. Equal to another when their numeric values are (RFC 6902, 4.6), never to a boolean."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def value(self) -> Decimal | str:
        """The numeric value; the text itself when its exponent is beyond what decimals hold."""
        try:
            return Decimal(self.text).normalize()
        except InvalidOperation:
            return self.text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Number):
            return self.text == other.text or self.value == other.value
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Number({self.text})"

    def __copy__(self) -> "Number":
        return self

    def __deepcopy__(self, memo: object) -> "Number":
        return self


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_no_constant)


def parse(text: bytes, depth_max: int = bounds.JSON_DEPTH_MAX) -> Any:
    """The value of JSON text in UTF-8; its numbers are `Number`s. Raises MalformedJson."""
    if json_text.depth_over(text, depth_max):
        raise MalformedJson(f"nested deeper than {depth_max}")
    try:
        return _DECODER.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedJson("not JSON in UTF-8") from error


def serialise(value: Any) -> bytes:
    """Compact JSON text; each number as it was written. Raises MalformedJson when nested too deeply, or for half a letter."""
    try:
        return _ENCODER.encode(value)
    except RecursionError as error:
        raise MalformedJson("nested too deeply") from error
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can escape and UTF-8 cannot say
        raise MalformedJson("half of a surrogate pair") from error


def _verbatim(value: Any) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_ENCODER = msgspec.json.Encoder(enc_hook=_verbatim)
