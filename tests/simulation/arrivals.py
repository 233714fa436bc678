"""Two clinics of a region and one of another, and somebody who arrives elsewhere than where she is known."""

from typing import Any, Final

from sync_protocol.exchange.finding import Candidate
from tests.simulation.conftest import MakeScript
from tests.simulation.scripted import Script

SUBJECT: Final[dict[str, Any]] = {"subject": {"reference": "Patient/p"}}
ADAEZE: Final[dict[str, Any]] = {
    "name": [{"family": "Okafor", "given": ["Adaeze"]}],
    "gender": "female",
    "birthDate": "1991-03-14",
    "telecom": [{"system": "phone", "value": "+229 97 12 34 56"}],
    "address": [{"city": "Kétou"}],
    "identifier": [{"system": "urn:card", "value": "4071 8325 9046"}],
}
ASKED: Final[dict[str, str]] = {"names": "Okafor Adaeze", "born": "1991-03-14"}


def arrivals(script: MakeScript) -> Script:
    """Two clinics of a region, one of another; a patient of the first with one observation."""
    world = script({"a": "f0", "b": "f1"})
    abroad = world.hub.hub.add_node("c", "f2", region="east")
    world.add("c", abroad).begin(world.world.new_folder())
    world.write("a", "Patient/p", **ADAEZE)
    world.write("a", "Patient/q", name=[{"family": "Okafor", "given": ["Ngozi"]}], birthDate="1960-07-08")
    world.write("a", "Observation/o", **SUBJECT, valueString="1")
    world.sync("a", "b", "c")
    return world


def the_one(world: Script, edge: str = "b", **asked: str) -> Candidate:
    """The only one whom somebody at an edge finds; for Adaeze, when nothing is asked."""
    (found,) = world.find(edge, **(asked or ASKED)).candidates
    return found
