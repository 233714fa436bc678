"""The clinic's programme in the reader's words: by which choices the rules are applied here."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from edge_node.immunisation.schedule import load
from edge_node.language import C_, Text, _, clinical, ngettext, reader
from edge_node.language.digits import amount
from edge_node.maternal.prevention import iron_mg
from edge_node.programme import Programme

CONTACTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "who-2016": C_("Eight contacts, as WHO recommends"),
        "rebased": C_("Counted from the first contact, with one at 41 weeks"),
    }
)


def told(programme: Programme) -> Iterator[tuple[str, str]]:
    """Each choice, by its name."""
    yield _("Antenatal contacts"), str(CONTACTS[programme.contacts])
    yield clinical("Vaccines"), clinical(load(programme.vaccines).text)
    yield clinical("SP against malaria"), _yes(programme.malaria)
    yield clinical("Iron a day"), _number(iron_mg(programme), "mg")
    yield clinical("Calcium"), _yes(programme.calcium_low)
    yield clinical("Medicine against worms"), _yes(programme.worms)
    yield clinical("HIV test again late in pregnancy"), _yes(programme.hiv_common)
    yield _("Height above the sea"), _number(programme.altitude_m, "m")
    days = ngettext("%(count)s day", "%(count)s days", programme.lost_after_days)
    yield _("Lost from sight when a contact is late by"), days


def _yes(given: bool) -> str:
    return _("Yes") if given else _("No")


def _number(value: int, unit: str) -> str:
    return f"{amount(str(value), reader().locale)}\u00a0{unit}"
