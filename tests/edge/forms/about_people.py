"""Amina and a baby, and how forms about them are looked at."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from edge_node.forms.context import Sheet, decode
from edge_node.forms.parsing import Questions, parse
from edge_node.store.model import Write
from tests.edge.forms.filling import TODAY, Clinic

AMINA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "mother",
    "name": [{"family": "Bello", "given": ["Amina"]}],
    "gender": "female",
    "birthDate": "1998-03-02",
}
BABY = {**AMINA, "gender": "male", "birthDate": (TODAY - timedelta(days=300)).isoformat()}
Typed = str | tuple[str, ...]


def body(write: Write) -> Mapping[str, Any]:
    assert write.body is not None
    return decode(write.body)


def asked(clinic: Clinic, sheet: Sheet, sent: Mapping[str, Typed], about: str | None = None) -> Questions:
    """What a form asks back the first time."""
    context = clinic.context(about)
    whole = {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in {**sheet.start(context), **sent}.items()
    }
    read = parse(sheet.form(context), whole, clinic.now.date())
    assert isinstance(read, Questions)
    return read
