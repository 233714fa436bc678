"""Babies of a birth: what is asked of each, and the Patient, the tie to the mother and the first findings that are written of it."""

from decimal import Decimal
from typing import Any, Final

from edge_node.concepts import Concept, codeable, quantity
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, create, without_empty
from edge_node.forms.fields import Choice, Condition, Field, Kind, Section, When, between, when
from edge_node.forms.maternal.choices import choices, words
from edge_node.forms.maternal.notes import Notes, component, statement
from edge_node.forms.registration import PATIENT_SYSTEM
from edge_node.immunisation.vaccines import VACCINES
from edge_node.language import C_, N_, Text
from edge_node.maternal.history_concepts import MODES, OUTCOMES
from edge_node.store.model import Write
from sync_protocol.matching import numbers

BABIES_MAX: Final = 3
BORN: Final = ("live-birth", "stillbirth")
AT_BIRTH: Final = ("bcg", "opv", "hepb")
"""Vaccines of the first day (WHO recommendations for routine immunization, summary table 1)."""
_ROLES: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
TITLES: Final = (C_("The baby"), C_("The second baby"), C_("The third baby"))


def name(field: str, number: int) -> str:
    """The field of a baby, from 1."""
    return f"baby{number}_{field}"


def section(number: int) -> Section:
    """What is asked of one baby; of the second when there are two, of the third when there are three."""
    at_least: tuple[Condition, ...] = () if number == 1 else (When("babies", at_least=Decimal(number)),)
    return Section(title=TITLES[number - 1], fields=tuple(_fields(number)), when=at_least)


def _fields(number: int) -> list[Field]:
    alive = when(name("outcome", number), "live-birth")
    return [
        Field(
            name=name("outcome", number),
            label=C_("Was the baby born alive?"),
            kind=Kind.CHOICE,
            choices=choices(OUTCOMES[each] for each in BORN),
            required=True,
        ),
        Field(
            name=name("sex", number),
            label=N_("Sex"),
            kind=Kind.CHOICE,
            choices=(Choice("female", N_("Girl")), Choice("male", N_("Boy")), Choice("unknown", N_("Not known"))),
            required=True,
            when=alive,
        ),
        Field(
            name=name("weight", number),
            label=C_("Weight at birth"),
            unit="g",
            kind=Kind.INTEGER,
            possible=between("300", "7000"),
            plausible=between("1500", "5000"),
        ),
        _apgar(number, "1", C_("Apgar score after one minute"), alive),
        _apgar(number, "5", C_("Apgar score after five minutes"), alive),
        Field(
            name=name("given", number),
            label=N_("Name of the baby, if it has one"),
            chars_max=100,
            when=alive,
        ),
        Field(
            name=name("vaccines", number),
            label=C_("Vaccines given already"),
            kind=Kind.CHOICES,
            choices=tuple(Choice(each, words(vaccine(each))) for each in AT_BIRTH),
            when=alive,
        ),
    ]


def _apgar(number: int, minute: str, label: Text, alive: tuple[Condition, ...]) -> Field:
    return Field(
        name=name(f"apgar{minute}", number),
        label=label,
        kind=Kind.INTEGER,
        possible=between("0", "10"),
        plausible=between("7", "10"),
        when=alive,
    )


def vaccine(called: str) -> Concept:
    """The concept of a vaccine of the first day."""
    return VACCINES[called].concept


# --- writing ----------------------------------------------------------------------------------------------------------


class Babies:
    """Writes of the babies of one birth, and the entries for the mother's `Patient.link`.

    `at`: moment of birth as a FHIR dateTime. The birth is no visit of the baby: it is looked at again within a day of it.
    """

    def __init__(self, context: Context, answers: Answers, at: str) -> None:
        self.writes: list[Write] = []
        self.links: list[dict[str, Any]] = []
        self._context = context
        self._answers = answers
        self._at = at

    def outcome(self, notes: Notes, number: int, count: int, mode: str) -> None:
        """How it ended for one baby; a baby born alive becomes a patient of its own."""
        kind = self._answers.text(name("outcome", number))
        baby = self._patient(number, count) if kind == "live-birth" else ""
        weight = self._answers.number(name("weight", number))
        parts = []
        if weight is not None:
            parts.append(component("birth-weight", valueQuantity=quantity(weight, statement("birth-weight"))))
        if mode:
            parts.append(component("delivery-mode", valueCodeableConcept=codeable(MODES[mode])))
        notes.observe(
            "outcome",
            valueCodeableConcept=codeable(OUTCOMES[kind]),
            focus=[{"reference": baby}] if baby else [],
            component=parts,
        )

    def _patient(self, number: int, count: int) -> str:
        context, answers = self._context, self._answers
        id_ = context.new_id()
        kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
        card = {"use": "usual", "type": kind, "system": numbers.SYSTEM, "value": context.new_number()}
        mother = context.she.resource
        body = {
            "active": True,
            "identifier": [card],
            "name": [_called(answers.text(name("given", number)), mother)],
            "gender": answers.text(name("sex", number)),
            "birthDate": self._at[:10],
            "address": mother.get("address"),
            "multipleBirthInteger": number if count > 1 else None,
        }
        self.writes.append(create("Patient", id_, body))
        self._tie(id_)
        self._found(f"Patient/{id_}", number)
        return f"Patient/{id_}"

    def _tie(self, baby: str) -> None:
        """The mother as the baby's relative, and that the mother is that relative (HL7 FHIR R4, Patient, example "newborn")."""
        context = self._context
        id_ = context.new_id()
        relation = {"coding": [{"system": _ROLES, "code": "NMTH"}], "text": "Natural mother"}
        body = {
            "identifier": [{"system": PATIENT_SYSTEM, "value": context.she.id}],
            "patient": {"reference": f"Patient/{baby}"},
            "relationship": [relation],
            "name": context.she.resource.get("name"),
            "gender": "female",
        }
        self.writes.append(create("RelatedPerson", id_, body))
        self.links.append({"other": {"reference": f"RelatedPerson/{id_}"}, "type": "seealso"})

    def _found(self, baby: str, number: int) -> None:
        answers = self._answers
        notes = Notes(self._context, baby, self._at)
        notes.measure("birth-weight", answers.number(name("weight", number)))
        notes.count("apgar-1", answers.whole(name("apgar1", number)))
        notes.count("apgar-5", answers.whole(name("apgar5", number)))
        for each in answers.chosen(name("vaccines", number)):
            notes.vaccinate(vaccine(each))
        self.writes += notes.writes


def _called(given: str, mother: Any) -> dict[str, Any]:
    """The baby's name; of one without, whose baby it is, as clinics say it."""
    first = dict((mother.get("name") or [{}])[0])
    family = first.get("family", "")
    whole = first.get("text") or " ".join([*first.get("given", []), family]).strip()
    if given:
        return without_empty({"use": "official", "family": family, "given": given.split()})
    return without_empty({"use": "temp", "family": family, "given": ["Baby", "of", *whole.split()][:3]})
