"""How often a medicine is taken, as choices and as FHIR's Timing.

Source: https://hl7.org/fhir/R4/datatypes.html#Timing.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from edge_node.concepts import UCUM
from edge_node.forms.fields import Choice
from edge_node.language import C_

RHYTHMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "1d": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "2d": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "3d": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "4d": {"frequency": 4, "period": 1, "periodUnit": "d"},
    "night": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["NIGHT"]},
    "6h": {"frequency": 1, "period": 6, "periodUnit": "h"},
    "8h": {"frequency": 1, "period": 8, "periodUnit": "h"},
    "12h": {"frequency": 1, "period": 12, "periodUnit": "h"},
    "2day": {"frequency": 1, "period": 2, "periodUnit": "d"},
    "week": {"frequency": 1, "period": 1, "periodUnit": "wk"},
    "month": {"frequency": 1, "period": 1, "periodUnit": "mo"},
    "once": {"count": 1},
}
OFTEN: Final = (
    Choice("1d", C_("Once a day")),
    Choice("2d", C_("Twice a day")),
    Choice("3d", C_("3 times a day")),
    Choice("4d", C_("4 times a day")),
    Choice("night", C_("At night")),
    Choice("6h", C_("Every 6 hours")),
    Choice("8h", C_("Every 8 hours")),
    Choice("12h", C_("Every 12 hours")),
    Choice("2day", C_("Every second day")),
    Choice("week", C_("Once a week")),
    Choice("month", C_("Once a month")),
    Choice("once", C_("Once only")),
)
UNITS: Final = (
    Choice("tablet", C_("tablets")),
    Choice("capsule", C_("capsules")),
    Choice("ml", C_("ml")),
    Choice("drop", C_("drops")),
    Choice("puff", C_("puffs")),
    Choice("sachet", C_("sachets")),
    Choice("suppository", C_("suppositories or pessaries")),
    Choice("injection", C_("injections")),
    Choice("application", C_("times put on the skin or into the eye")),
    Choice("mg", C_("mg")),
    Choice("g", C_("g")),
    Choice("IU", C_("units (IU)")),
)
_MEASURES: Final = {"ml": "mL", "mg": "mg", "g": "g", "IU": "[iU]"}
"""Units that UCUM has; the others are things, which UCUM writes in braces."""


def dose(value: Decimal | None, unit: str) -> dict[str, Any]:
    """A dose as a FHIR Quantity; empty without a number."""
    if value is None:
        return {}
    code = _MEASURES.get(unit, f"{{{unit}}}") if unit else "1"
    return {"value": value, **({"unit": unit} if unit else {}), "system": UCUM, "code": code}


def timing(often: str, days: int | None) -> dict[str, Any]:
    """FHIR's Timing of a rhythm, for so many days."""
    bounds = {"boundsDuration": span(days)} if days is not None and often != "once" else {}
    repeat = {**bounds, **RHYTHMS.get(often, {})}
    return {"repeat": repeat} if repeat else {}


def span(days: int) -> dict[str, Any]:
    """A number of days as FHIR's Duration."""
    return {"value": days, "unit": "days" if days != 1 else "day", "system": UCUM, "code": "d"}


def unit_of(form: str) -> str:
    """The unit in which a form is counted: of "dispersible tablet 20 mg", tablets; "" where the form does not say."""
    words = {
        "syrup": "ml",
        "liquid": "ml",
        "solution": "ml",
        "drops": "drop",
        "inhaler": "puff",
        "pessary": "suppository",
    }
    words |= {"cream": "application", "ointment": "application", "lotion": "application", "gel": "application"}
    words |= {name: name for name in ("tablet", "capsule", "sachet", "suppository", "injection")}
    return next((unit for word, unit in words.items() if word in form), "")
