"""What is offered to be written about a patient, on her page: by her age, whether she lives, and the role of who asks."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from edge_node.api.sight import Sight
from edge_node.forms.care import menu
from edge_node.forms.care.vital_signs import SMALL_CHILD_DAYS
from edge_node.maternal.reading import about_day


def offered(patient: Mapping[str, Any], id_: str, sight: Sight, today: date) -> menu.Menu:
    """The forms for a patient, as decoded from the store."""
    born = about_day(patient.get("birthDate"))
    small = born is not None and (today - born).days < SMALL_CHILD_DAYS
    dead = bool(patient.get("deceasedBoolean")) or "deceasedDateTime" in patient
    return menu.offered(id_, menu.Whom(child=small, dead=dead), sight.writes_type)
