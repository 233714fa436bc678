"""What a form knows of whom it is about, and how its answers become writes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from edge_node.forms.answers import Answers
from edge_node.forms.fields import Form
from edge_node.programme import Programme

# Of the store only these two: what a write is, and who makes it.
from edge_node.store.model import Author, Write

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> dict[str, Any]:
    """A resource; its decimals keep their digits."""
    resource: dict[str, Any] = _DECODER.decode(body)
    return resource


def encode(resource: Mapping[str, Any]) -> bytes:
    """The same back; Decimals are written as numbers with the digits they have."""
    return _ENCODER.encode(resource)


class Held(Struct, frozen=True):
    """A resource as somebody saw it. `resource` is decoded, its decimals Decimals; change a copy (`changed`)."""

    type: str
    id: str
    version: str
    resource: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """`Patient/abc`."""
        return f"{self.type}/{self.id}"


class Context(Struct, frozen=True, kw_only=True):
    """What a form is made with and its answers are written with.

    `patient`, `records`: who it is about and all her records, those that the form edits as they were on the screen, else as they are now;
    `about`: the one record that the form is about, where its address names one. `lists`: suggestions by name (`villages`). `at`: now, with
    the clinic's zone; `today`: its day. `new_id`: a new random id; `new_number`: a new short number for a card. `programme`: by which
    the clinic works; `facility`: the clinic.
    `places`: other facilities of the region, name → id.
    """

    author: Author
    now_ms: int
    at: datetime
    new_id: Callable[[], str]
    new_number: Callable[[], str]
    programme: Programme
    patient: Held | None = None
    records: tuple[Held, ...] = ()
    about: Held | None = None
    facility: str = ""
    lists: Mapping[str, tuple[str, ...]] = {}
    places: Mapping[str, str] = {}

    @property
    def today(self) -> date:
        """The day that it is at the clinic."""
        return self.at.date()

    @property
    def moment(self) -> str:
        """Now, as a FHIR dateTime."""
        return self.at.isoformat(timespec="seconds")

    @property
    def she(self) -> Held:
        """The patient, of a form that has one."""
        if self.patient is None:
            raise LookupError("This form is about nobody")
        return self.patient

    @property
    def subject(self) -> dict[str, str]:
        """A reference to the patient."""
        return {"reference": self.she.reference}

    def of_type(self, *types: str) -> tuple[Held, ...]:
        """Her records of some types."""
        return tuple(held for held in self.records if held.type in types)

    def held(self, reference: str) -> Held | None:
        """One of her records, or herself."""
        mine = (*((self.patient,) if self.patient is not None else ()), *self.records)
        return next((held for held in mine if held.reference == reference), None)


def create(type_: str, id_: str, resource: Mapping[str, Any]) -> Write:
    """A new resource; empty members are left out."""
    return Write(type_, id_, encode({"resourceType": type_, "id": id_, **without_empty(resource)}), create=True)


def update(held: Held, resource: Mapping[str, Any]) -> Write:
    """A resource as it is to be, against the version that was on the screen: what a colleague changed elsewhere in it meanwhile stays."""
    body = {"resourceType": held.type, "id": held.id, **without_empty(resource)}
    return Write(held.type, held.id, encode(body), seen=held.version)


def changed(held: Held, **members: Any) -> Write:
    """The same with some members replaced; None removes one."""
    return update(held, {**held.resource, **members})


def without_empty(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Without members that hold nothing: FHIR has no empty ones."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {}, ())}


class Sheet(Struct, frozen=True, kw_only=True):
    """A form at its address.

    `path`: `/patients/{id_}/…` for a form about a patient, else anything else; `?about=Type/id` names the record that it is about, where
    it is about one. `form`: what is asked; `start`: what stands in it before anybody typed, as it would be sent (`showing.py` helps).
    `write`: what the answers become. `edits`: references of the resources that `write` changes: their versions ride along in the page, and
    come back as `Context` has them. `news`: what is told when it is saved. `after`: the page to go on to. `here`: the entry of the menu.
    `registers`: it makes a patient, so those who may be the same person are shown first. `types`: what it writes, by which a role
    decides (`edge_node/roles.py`) who may use it.
    """

    name: str
    path: str
    form: Callable[[Context], Form]
    write: Callable[[Answers, Context], list[Write]]
    start: Callable[[Context], Mapping[str, str | tuple[str, ...]]] = lambda context: {}
    edits: Callable[[Context], Iterable[str]] = lambda context: ()
    news: Callable[[Answers, Context], str] = lambda answers, context: ""
    after: Callable[[list[Write], Context], str] = lambda writes, context: f"/patients/{context.she.id}"
    here: str = "patients"
    registers: bool = False
    types: tuple[str, ...] = ("Observation",)
