"""What the small menu of a record offers beside its history: the forms that correct it, as far as there are any for who asks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.api.sight import Sight
from edge_node.language import N_, Text
from edge_node.pages.sheets import SHEETS

_LABELS: Final[Mapping[str, Text]] = MappingProxyType({"correct": N_("Change"), "mistake": N_("Entered by mistake")})
"""Name of a form that is about one record (`?about=Type/id`) → what the menu calls it."""


class Correction(msgspec.Struct, frozen=True):
    """A form that corrects a record. `path`: its address, with `{id_}` for the patient."""

    label: Text
    path: str

    def address(self, patient: str, type_: str, id_: str) -> str:
        """The form for one record."""
        return f"{self.path.replace('{id_}', patient)}?about={type_}/{id_}"


def offered(sight: Sight) -> tuple[Correction, ...]:
    """The forms for who asks: she sees whole records and writes them."""
    if not (sight.sees_all and sight.writes_type("Observation")):
        return ()
    return tuple(Correction(_LABELS[sheet.name], sheet.path) for sheet in SHEETS if sheet.name in _LABELS)
