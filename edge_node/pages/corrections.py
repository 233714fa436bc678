"""What the small menu of a record offers beside its history: the forms that correct, change or end it, as far as they are for who asks."""

from collections.abc import Mapping
from typing import Final

import msgspec

from edge_node.api.sight import Sight
from edge_node.forms.care import menu
from edge_node.language import N_, Text
from edge_node.pages.patient import Entry
from edge_node.pages.reach import sees_everybody, sees_whole

_PAGES: Final[Mapping[str, tuple[Text, str]]] = {
    "file": (N_("Open"), "documents"),
    "referral": (N_("Letter"), "referrals"),
}
"""Records that have a page of their own: what they are (`menu.kinds_of`) → what the menu calls it, and where it is."""


class Correction(msgspec.Struct, frozen=True):
    """A form about a record, with its address."""

    label: Text
    address: str


class Corrections(msgspec.Struct, frozen=True):
    """The forms for one who asks."""

    sight: Sight

    def of(self, entry: Entry, patient: str) -> tuple[Correction, ...]:
        """Those that fit a record; none of a record outside of her role. `patient`: the id of the patient whose page it stands on. Who sees
        the whole record of this patient alone reads what has a page of its own, and writes nothing."""
        if not entry.id or not sees_whole(self.sight, patient):
            return ()
        line = entry.line
        fitting = menu.acts_on(
            entry.type, over=line.over, wrong=line.wrong, kinds=entry.kinds, writes=self.sight.writes_type
        )
        pages = tuple(
            Correction(label, f"/patients/{patient}/{path}/{entry.id}")
            for kind, (label, path) in _PAGES.items()
            if kind in entry.kinds
        )
        if not sees_everybody(self.sight):
            return pages
        return pages + tuple(
            Correction(act.label, f"{act.sheet.path.replace('{id_}', patient)}?about={entry.type}/{entry.id}")
            for act in fitting
        )


def offered(sight: Sight) -> Corrections:
    """The forms for who asks: she sees whole records and writes them."""
    return Corrections(sight)
