"""Registering a pregnancy: how far she is, her earlier pregnancies, her health. The first of all maternal forms.

Source of the questions: WHO digital adaptation kit for antenatal care, Web Annex A, core data dictionary, "ANC.B6 Profile"
(current pregnancy, obstetric history, medical history, immunisation, medicines).
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from edge_node.concepts import codeable
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span, When, between, when
from edge_node.forms.maternal import dating, history
from edge_node.forms.maternal.case import mother_of, ongoing
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, Text, _
from edge_node.maternal import concepts as said
from edge_node.maternal.facts import Mother
from edge_node.maternal.history_concepts import CONDITIONS, TETANUS_HISTORY
from edge_node.store.model import Write

DOSES: Final = tuple(f"tetanus_{number}" for number in range(1, 6))
POSITIVE: Final = "positive"


def form(context: Context) -> Form:
    """What is asked when a pregnancy is registered."""
    mother = mother_of(context)
    return Form(
        title=C_("Register a pregnancy"),
        sections=(_how_far(context.today), _earlier(), _health(mother), _tetanus(context.today)),
        send=N_("Register"),
        checks=(lambda answers: _checks(answers, mother, context.today),),
    )


def _how_far(today: date) -> Section:
    return Section(
        title=C_("How far is she?"),
        hint=C_("Fill in all that is known. An early scan counts most, then a last period she is sure of."),
        fields=(*dating.fields(today), dating.accept_field(), _fetuses()),
    )


def _fetuses() -> Field:
    return Field(
        name="fetuses",
        label=C_("Number of babies, if a scan showed it"),
        kind=Kind.INTEGER,
        possible=between("1", "6"),
        plausible=between("1", "3"),
    )


def _earlier() -> Section:
    again = (When("gravida", at_least=Decimal(2)),)
    return Section(
        title=C_("Her pregnancies"),
        fields=(
            _number("gravida", C_("Which pregnancy is it? Count this one and those that she lost"), "1", "25", "12"),
            _number("parity", C_("How many births did she have, alive or not?"), "0", "25", "10", again),
            _number("stillbirths", C_("How many babies were born dead?"), "0", "20", "4", again),
            _number("caesareans", C_("How many caesarean sections did she have?"), "0", "10", "3", again),
            Field(
                name="complications",
                label=C_("Problems in earlier pregnancies"),
                kind=Kind.CHOICES,
                choices=choices(CONDITIONS[name] for name in history.PAST),
                when=again,
            ),
        ),
    )


def _number(name: str, label: Text, least: str, most: str, usual: str, conditions: tuple[When, ...] = ()) -> Field:
    return Field(
        name=name,
        label=label,
        kind=Kind.INTEGER,
        possible=between(least, most),
        plausible=between(least, usual),
        when=conditions,
    )


def _health(mother: Mother) -> Section:
    hiv = Field(
        name="hiv",
        label=C_("Does she know that she has HIV?"),
        kind=Kind.CHOICE,
        choices=(Choice(POSITIVE, N_("Yes")), Choice("no", N_("No, or not known"))),
        hint=C_("A test comes with the first contact."),
    )
    known = any(test.kind == "hiv" and test.result == POSITIVE for test in mother.tests)
    return Section(
        title=C_("Her health"),
        fields=(
            history.illnesses_field(mother),
            history.allergies_field(mother),
            history.medicines_field(mother),
            *(() if known else (hiv,)),
            *_groups(mother),
            Field(name="tobacco", label=C_("Does she smoke or use tobacco?"), kind=Kind.KNOWN),
        ),
    )


def _groups(mother: Mother) -> tuple[Field, ...]:
    """Blood group and rhesus factor, unless they are known."""
    tables = {
        "blood-group": (C_("Blood group"), [said.BLOOD_GROUPS[name] for name in ("A", "B", "AB", "O")]),
        "rhesus": (C_("Rhesus factor"), list(said.RHESUS)),
    }
    known = {sign.kind for sign in mother.groups}
    return tuple(
        Field(name=kind.replace("-", "_"), label=label, kind=Kind.CHOICE, choices=choices(concepts))
        for kind, (label, concepts) in tables.items()
        if kind not in known
    )


def _tetanus(today: date) -> Section:
    labels = (
        C_("First dose on"),
        C_("Second dose on"),
        C_("Third dose on"),
        C_("Fourth dose on"),
        C_("Fifth dose on"),
    )
    return Section(
        title=C_("Tetanus vaccine before this pregnancy"),
        fields=(
            Field(
                name="tetanus_history",
                label=C_("How many doses did she have?"),
                kind=Kind.CHOICE,
                choices=choices(TETANUS_HISTORY),
            ),
            *(
                Field(
                    name=name,
                    label=label,
                    hint=C_("From her card. The month and the year are enough.") if name == DOSES[0] else None,
                    kind=Kind.DATE,
                    partial=True,
                    possible_days=Span(date(today.year - 60, 1, 1), today),
                    when=when("tetanus_history", "full", "some"),
                )
                for name, label in zip(DOSES, labels, strict=True)
            ),
        ),
    )


def _checks(answers: Answers, mother: Mother, today: date) -> Iterator[Problem | Doubt]:
    yield from dating.check(answers, today)
    gravida, parity = answers.whole("gravida"), answers.whole("parity")
    if gravida is not None and parity is not None and parity >= gravida:
        yield Doubt("parity", C_("More births than pregnancies. Is that right?"), f"{gravida} {parity}")
    before = ongoing(mother)
    if before is not None:
        text = C_("A pregnancy of hers that has not ended is registered already. Register another one?")
        yield Doubt("gravida", text, before.ref)


# --- writing ----------------------------------------------------------------------------------------------------------


def enrol(answers: Answers, context: Context) -> list[Write]:
    """The pregnancy, and all that was told."""
    id_ = context.new_id()
    body = {
        "status": "active",
        "type": [codeable(said.EPISODES["antenatal-care"])],
        "patient": context.subject,
        "period": {"start": context.today.isoformat()},
    }
    notes = Notes(context, context.she.reference, context.moment, episode=f"EpisodeOfCare/{id_}")
    dating.note(notes, answers, context)
    for name in ("fetuses", "gravida", "parity", "stillbirths", "caesareans"):
        notes.count(name, answers.whole(name))
    notes.signs("past-complications", CONDITIONS, answers.chosen("complications"))
    history.note(notes, answers)
    notes.test("hiv-test", POSITIVE if answers.text("hiv") == POSITIVE else "", code="hiv-status")
    notes.sign("blood-group", said.BLOOD_GROUPS, answers.text("blood_group"))
    notes.sign("rhesus", said.RHESUS, answers.text("rhesus"))
    notes.answer("tobacco", answers.yes("tobacco"))
    notes.sign("tetanus-history", TETANUS_HISTORY, answers.text("tetanus_history"))
    for name in DOSES:
        dose = answers.date(name)
        if dose is not None:
            notes.tetanus(at=dose.text, own=False)
    return [create("EpisodeOfCare", id_, body), *notes.writes]


def to_first_contact(writes: list[Write], context: Context) -> str:
    """After a registration comes the first contact."""
    return f"/patients/{context.she.id}/pregnancy/contact"


ENROL: Final = Sheet(
    name="enrol-pregnancy",
    path="/patients/{id_}/pregnancy/new",
    form=form,
    write=enrol,
    after=to_first_contact,
    news=lambda answers, context: _("The pregnancy is registered. Now comes the first contact."),
)
