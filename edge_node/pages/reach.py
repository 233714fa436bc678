"""Where pages may lead somebody: what would be refused is not offered. By the one table of roles, as the addresses themselves ask it."""

from collections.abc import Iterable
from typing import Final

import msgspec

from edge_node.api.sight import Sight
from edge_node.pages.sheets import SHEETS

_FORMS: Final = {sheet.name: sheet.types for sheet in SHEETS}


def may_see(sight: Sight, patient: str) -> bool:
    """Whether a patient's page is for her, at least in part."""
    return sight.sees_type("Patient") or patient in sight.patients("Patient")


def sees_whole(sight: Sight, patient: str) -> bool:
    """Whether nothing of a patient's record is kept from her."""
    return sight.sees_all or patient in sight.patients("Condition")


def sees_everybody(sight: Sight) -> bool:
    """Whether she works with whole records."""
    return sight.may("see-patients") and sight.sees_all


def writes_all(sight: Sight, types: Iterable[str]) -> bool:
    """Whether a form that writes resources of these types is for her."""
    return sight.may("see-patients") and all(sight.writes_type(type_) for type_ in types)


class Reach(msgspec.Struct, frozen=True):
    """What pages ask before they draw a link or a button."""

    sight: Sight

    def form(self, name: str) -> bool:
        """Whether she may use the form of this name (`Sheet.name`); False for one that this program does not have."""
        return name in _FORMS and writes_all(self.sight, _FORMS[name])

    def patient(self, id_: str) -> bool:
        """Whether a patient's page is for her."""
        return may_see(self.sight, id_)

    @property
    def everybody(self) -> bool:
        """Whether she works with whole records: reminders are made and contradictions settled by those who do."""
        return sees_everybody(self.sight)
