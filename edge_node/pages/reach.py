"""Where pages may lead somebody: what would be refused is not offered. By the one table of roles, as the addresses themselves ask it."""

from collections.abc import Iterable
from typing import Final

import msgspec

from edge_node.api.sight import Sight
from edge_node.errors import EdgeError, Forbidden, NotFound
from edge_node.language import N_, Text, _
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


def refused(sight: Sight) -> EdgeError:
    """What to raise for a patient's page that is not for her: a citizen does not learn whether there is such a patient."""
    return NotFound() if sight.own else Forbidden(_("This is not for your role"))


class Beginning(msgspec.Struct, frozen=True):
    """The page on which somebody begins, and its name."""

    path: str
    name: Text


def begins(sight: Sight) -> Beginning:
    """Where somebody begins."""
    if sight.may("see-patients"):
        return Beginning("/", N_("To the patients"))
    if sight.own is not None:
        return Beginning(f"/patients/{sight.own}", N_("Your record"))
    if sight.may("manage-people"):
        return Beginning("/people", N_("People"))
    return Beginning("/sync", N_("Hub")) if sight.may("see-node") else Beginning("/pin", N_("Your PIN"))


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
