"""A woman's pregnancy out of the store, as facts and as a card."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from edge_node.errors import NotFound
from edge_node.forms.context import decode
from edge_node.language import _
from edge_node.maternal.dating import age_days, dating, judged_by_fundal_height
from edge_node.maternal.ending import OPEN
from edge_node.maternal.facts import Mother, Newborn, Pregnancy, of_kind
from edge_node.maternal.record import read_mother, read_newborn
from edge_node.maternal.reminders import key_of
from edge_node.pages import chart_words, charts, words
from edge_node.pages.plot import Picture, picture
from edge_node.pages.pregnancy import Card, Name, card, shown
from edge_node.store.model import Stored
from edge_node.store.store import Store

YOUNGEST_YEARS, OLDEST_YEARS = 9, 60


class Case(msgspec.Struct, frozen=True):
    """A woman and the pregnancy that her page is about, if there is one. `may`: whether one can be registered."""

    mother: Mother
    pregnancy: Pregnancy | None
    card: Card | None
    may: bool


def may_be_pregnant(patient: Mapping[str, Any], today: date) -> bool:
    """Whether a page asks for a pregnancy at all: not of a man, nor of a small child or an old woman."""
    if patient.get("gender") == "male" or patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return False
    born = str(patient.get("birthDate", ""))[:4]
    return not born.isdigit() or YOUNGEST_YEARS <= today.year - int(born) <= OLDEST_YEARS


def of_patient(store: Store, everything: Sequence[Stored], today: date) -> Case:
    """The case of the patient who is the first of `everything`; without a pregnancy for one who is not, and was not lately, pregnant."""
    resources = [decode(stored.body) for stored in everything if stored.body is not None]
    mother = read_mother(everything[0].id, resources)
    pregnancy = shown(mother, today)
    if pregnancy is None:
        return Case(mother, None, None, may_be_pregnant(resources[0], today))
    newborns = list(_newborns(store, pregnancy, today))
    reminded = frozenset(key_of(each) for each in resources if _is_open(each)) - {""}
    return Case(mother, pregnancy, card(mother, pregnancy, newborns, reminded, today, store.programme), False)


def _is_open(resource: Mapping[str, Any]) -> bool:
    return resource.get("status") in OPEN.get(str(resource.get("resourceType")), ())


def _newborns(store: Store, pregnancy: Pregnancy, today: date) -> Iterator[tuple[Newborn, Name]]:
    """The babies of a pregnancy that are here; one may have gone to another clinic."""
    for reference in dict.fromkeys(each.baby for each in pregnancy.outcomes if each.baby):
        id_ = reference.partition("/")[2]
        try:
            resources = [decode(stored.body) for stored in store.everything(id_) if stored.body is not None]
        except NotFound:
            continue
        patient = resources[0]
        name = words.human_name(patient.get("name")) or _("Name not recorded")
        about = words.joined([words.sex(patient), words.age(patient, today)], " · ")
        yield read_newborn(id_, resources), Name(name, about)


# --- charts -----------------------------------------------------------------------------------------------------------


def drawn(pregnancy: Pregnancy) -> list[Picture]:
    """The charts of a pregnancy: height of the womb, blood pressure, weight."""
    writer = chart_words.writer(chart_words.day_mark)
    used = dating(pregnancy)
    heights = [
        charts.Height(each.on, age_days(used.expected, each.on), float(each.value))
        for each in of_kind(pregnancy.measures, "fundal-height")
        if used is not None
    ]
    weights = [
        charts.Weight(each.on, float(each.value), age_days(used.expected, each.on) if used else None)
        for each in of_kind(pregnancy.measures, "weight")
    ]
    taken = [
        charts.Pressure(each.on, float(each.systolic), float(each.diastolic))
        for each in pregnancy.pressures
        if each.systolic is not None and each.diastolic is not None
    ]
    found = [
        charts.fundal(heights, writer, judged=judged_by_fundal_height(pregnancy)),
        charts.blood_pressure(taken, writer),
        charts.pregnancy_weight(weights, writer) if used else charts.weight(weights, writer),
    ]
    return [picture(chart, f"chart-{number}") for number, chart in enumerate(found) if chart is not None]
