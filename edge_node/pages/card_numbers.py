"""Short patient numbers on pages: a new one, as it is read out, as it was typed, and whose it is (`sync_protocol/matching/numbers.py`)."""

from edge_node.fhir.query import parse_query
from edge_node.store.model import Stored
from edge_node.store.store import Store
from sync_protocol.matching import numbers


def new(store: Store) -> str:
    """A number that nobody has here."""
    return store.new_patient_number().digits


def grouped(number: str) -> str:
    """As it is printed and read out: `4071 8325 9046`."""
    return numbers.PatientNumber(number).grouped


def read(typed: str) -> str | None:
    """The digits of a number that was typed or scanned; None when it is none, or a digit of it is wrong."""
    return numbers.parse(typed).digits if numbers.is_number(typed) else None


def owners(store: Store, number: str, now_ms: int) -> tuple[Stored, ...]:
    """The patients who have a number: one, but that two nodes may have drawn the same."""
    return store.search(parse_query("Patient", [("identifier", f"{numbers.SYSTEM}|{number}")], now_ms=now_ms)).found
