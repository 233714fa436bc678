"""Collects what is stated of one person at one visit, each statement as `edge_node/maternal/record.py` has it in its profile."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from edge_node.concepts import VITAL_SIGNS, Concept, Table, codeable, quantity
from edge_node.forms.care import saying
from edge_node.forms.context import Context, create
from edge_node.maternal import concepts as said
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES, VACCINES
from edge_node.maternal.reading import EPISODE_LINK
from edge_node.store.model import Write

_CLASSES: Final = f"{saying.TERMS}v3-ActCode"
_LABORATORY: Final = (
    "haemoglobin urine-protein hiv-test hiv-status syphilis-test hepatitis-b-test blood-group rhesus random-glucose"
)
_HISTORY: Final = "lmp gravida parity stillbirths caesareans past-complications tetanus-history tobacco lmp-certainty"
_CATEGORIES: Final = MappingProxyType(
    {
        **{concept.name: "vital-signs" for concept in VITAL_SIGNS},
        **dict.fromkeys(_LABORATORY.split(), "laboratory"),
        **dict.fromkeys(_HISTORY.split(), "social-history"),
        "age-by-ultrasound": "imaging",
    }
)
"""Observation.category by statement; the rest is found by looking and asking: `exam`."""
_LINK_MEMBER: Final = MappingProxyType(
    {"MedicationAdministration": "context", "MedicationStatement": "context", "EpisodeOfCare": ""}
)
"""The element by which a type names its visit, where that is not `encounter`."""


def statement(name: str) -> Concept:
    """The concept of a statement or vital sign."""
    return said.STATEMENTS[name] if name in said.STATEMENTS else VITAL_SIGNS[name]


def time_of(context: Context, on: date) -> str:
    """When something of the day `on` was, as a FHIR dateTime: now, if that is today; of an earlier day no more is known."""
    return context.moment if on == context.today else on.isoformat()


def moment_of(context: Context, on: date, at: str) -> str:
    """A day and a time of day ("14:05") as a FHIR dateTime; the day alone without a time."""
    if not at:
        return on.isoformat()
    return datetime.combine(on, time.fromisoformat(at), context.at.tzinfo).isoformat(timespec="seconds")


def component(name: str, **value: Any) -> dict[str, Any]:
    """A component of an Observation."""
    return {"code": codeable(statement(name)), **value}


class Notes:
    """What is said of one person (`subject`, a reference) at one moment (`at`, a FHIR dateTime), collected in `writes`.

    `visit`: reference to the Encounter at which it is said. `episode`: reference to the pregnancy, named by what is said at no visit.
    """

    def __init__(self, context: Context, subject: str, at: str, *, episode: str = "", visit: str = "") -> None:
        self.writes: list[Write] = []
        self.subject = {"reference": subject}
        self.visit = visit
        self.at = at
        self._context = context
        self._episode = episode

    def add(self, type_: str, **members: Any) -> str:
        """A resource that belongs to the visit or the pregnancy; its reference."""
        id_ = self._context.new_id()
        self.writes.append(create(type_, id_, {**self._linked(type_), **members}))
        return f"{type_}/{id_}"

    def _linked(self, type_: str) -> dict[str, Any]:
        if self.visit:
            return {_LINK_MEMBER.get(type_, "encounter"): {"reference": self.visit}}
        if self._episode:
            return {"extension": [{"url": EPISODE_LINK, "valueReference": {"reference": self._episode}}]}
        return {}

    def begin(self, kind: str) -> str:
        """The visit, at which everything after this is said; its reference. `kind`: a name in `VISITS`."""
        named = {"episodeOfCare": [{"reference": self._episode}]} if self._episode else {}
        id_ = self._context.new_id()
        body = {
            "status": "finished",
            "class": {"system": _CLASSES, "code": "AMB"},
            "type": [codeable(said.VISITS[kind])],
            "subject": self.subject,
            "period": {"start": self.at},
            **named,
        }
        self.writes.append(create("Encounter", id_, body))
        self.visit = f"Encounter/{id_}"
        return self.visit

    # --- what is found ------------------------------------------------------------------------------------------------

    def observe(self, name: str, *, at: str = "", **members: Any) -> str:
        """An Observation; its reference. `members`: the value, components and what else it has."""
        return self.add(
            "Observation",
            status="final",
            category=[saying.term("observation-category", _CATEGORIES.get(name, "exam"))],
            code=codeable(statement(name)),
            subject=self.subject,
            effectiveDateTime=at or self.at,
            **members,
        )

    def measure(self, name: str, value: Decimal | None) -> None:
        """A number in its concept's unit; nothing for none."""
        if value is not None:
            self.observe(name, valueQuantity=quantity(value, statement(name)))

    def count(self, name: str, value: int | None) -> None:
        """How many; nothing for none."""
        if value is not None:
            self.observe(name, valueInteger=value)

    def answer(self, name: str, value: bool | None) -> None:
        """Yes or no; nothing where it is not known."""
        if value is not None:
            self.observe(name, valueBoolean=value)

    def signs(self, name: str, table: Table, values: tuple[str, ...]) -> None:
        """An Observation for each that was ticked."""
        for value in values:
            self.observe(name, valueCodeableConcept=codeable(table[value]))

    def sign(self, name: str, table: Table, value: str) -> None:
        """The one that was chosen; nothing for none."""
        self.signs(name, table, (value,) if value else ())

    def test(self, name: str, result: str, code: str = "") -> None:
        """A test's result, a name in `RESULT_VALUES`; `code`: the statement by which it is written, if not the test."""
        if result:
            self.observe(code or name, valueCodeableConcept=codeable(said.RESULT_VALUES[name, result]))

    # --- illnesses, medicines, vaccines, talks ------------------------------------------------------------------------

    def illness(self, name: str) -> None:
        """A Condition that is there now."""
        self.add(
            "Condition",
            clinicalStatus=saying.term("condition-clinical", "active"),
            code=codeable(CONDITIONS[name]),
            subject=self.subject,
            recordedDate=self.at,
            **({"onsetDateTime": self.at} if self.visit else {}),
        )

    def allergy(self, name: str) -> None:
        """An AllergyIntolerance; `none` says that she has no allergy that she knows of."""
        self.add(
            "AllergyIntolerance",
            clinicalStatus=saying.term("allergyintolerance-clinical", "active"),
            code=codeable(ALLERGIES[name]),
            patient=self.subject,
            recordedDate=self.at,
        )

    def takes(self, name: str) -> None:
        """A medicine that she says she takes."""
        self.add(
            "MedicationStatement",
            status="active",
            medicationCodeableConcept=codeable(MEDICINES[name]),
            subject=self.subject,
            effectiveDateTime=self.at,
            dateAsserted=self.at,
        )

    def hand_out(self, name: str, days: int, how: str) -> None:
        """A supply of a medicine for so many days, with how to take it."""
        first = date.fromisoformat(self.at[:10])
        last = first + timedelta(days - 1)
        bounds = {"start": first.isoformat(), "end": last.isoformat()}
        self.add(
            "MedicationRequest",
            status="active",
            intent="order",
            medicationCodeableConcept=codeable(MEDICINES[name]),
            subject=self.subject,
            authoredOn=self.at,
            dosageInstruction=[{"text": how, "timing": {"repeat": {"boundsPeriod": bounds}}}],
            dispenseRequest={"expectedSupplyDuration": quantity(days, _DAYS)},
        )

    def give(self, name: str, how: str) -> None:
        """A medicine that was swallowed before the midwife's eyes."""
        self.add(
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=codeable(MEDICINES[name]),
            subject=self.subject,
            effectiveDateTime=self.at,
            dosage={"text": how},
        )

    def vaccinate(self, vaccine: Concept, *, at: str = "", own: bool = True) -> None:
        """A dose of a vaccine; `own`: given here, not told by her or her card."""
        self.add(
            "Immunization",
            status="completed",
            vaccineCode=codeable(vaccine),
            patient=self.subject,
            occurrenceDateTime=at or self.at,
            primarySource=own,
        )

    def tetanus(self, *, at: str = "", own: bool = True) -> None:
        """A dose of tetanus vaccine."""
        self.vaccinate(VACCINES["tetanus"], at=at, own=own)

    def talk(self, name: str) -> None:
        """Something that was done or talked about, a name in `ACTS`."""
        self.add(
            "Procedure",
            status="completed",
            code=codeable(said.ACTS[name]),
            subject=self.subject,
            performedDateTime=self.at,
        )


_DAYS: Final = Concept("days", "Days", (), "d")
