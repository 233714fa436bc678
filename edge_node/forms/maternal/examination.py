"""What is looked at, measured and tested at an antenatal contact, as far as it matters at this age of the pregnancy.

Weeks from which something is asked: the baby's movements and heart and the height of the womb from 20 and 16 weeks, how it lies
from 34. Source: WHO ANC 2016, table 3 and recommendations B2; WHO digital adaptation kit for antenatal care, Web Annex A, "ANC.B8
Physical exam" and "ANC.B9 Tests".
"""

from collections.abc import Iterator
from typing import Final

from edge_node.concepts import Concept
from edge_node.forms.answers import Answers
from edge_node.forms.fields import Field, Kind, Range, Section, between, when
from edge_node.forms.maternal.case import Case
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.notes import Notes
from edge_node.language import C_, N_, Text
from edge_node.maternal import concepts as said
from edge_node.maternal.facts import of_kind

_HEART: Final = between("110", "159")
MEASURED: Final = {"weight": "weight", "height": "height", "temperature": "temperature", "pulse": "pulse"}
"""Fields of measurements → statement."""
TESTS: Final = {"hiv": "hiv-test", "syphilis": "syphilis-test", "hepatitis_b": "hepatitis-b-test"}
"""Fields of tests for an infection → statement."""


def danger_section() -> Section:
    """The quick check: before anything else."""
    return Section(
        title=C_("Quick check: is she in danger?"),
        hint=C_("Look and ask before anything else. With any of these she is referred at once."),
        fields=(
            Field(
                name="danger_signs",
                label=C_("Danger signs"),
                kind=Kind.CHOICES,
                choices=choices(said.DANGER_SIGNS),
                required=True,
            ),
        ),
    )


def symptoms_section(case: Case) -> Section:
    """What she tells."""
    fields: list[Field] = []
    if case.reached(20):
        fields += [
            Field(
                name="symptoms",
                label=C_("Does she have any of these?"),
                hint=C_("They may be signs of severe pre-eclampsia."),
                kind=Kind.CHOICES,
                choices=choices(said.PRE_ECLAMPSIA_SYMPTOMS),
            ),
            Field(
                name="movement",
                label=C_("How does the baby move?"),
                kind=Kind.CHOICE,
                choices=choices(said.MOVEMENTS),
            ),
        ]
    fields.append(Field(name="oedema", label=C_("Swollen face, hands or legs"), kind=Kind.KNOWN))
    return Section(title=C_("How is she?"), fields=tuple(fields))


def measures_section(case: Case) -> Section:
    """What is measured."""
    return Section(title=C_("Measurements"), fields=tuple(_measures(case)))


def _number(name: str, label: Text, unit: str | Text, possible: Range, plausible: Range, kind: Kind) -> Field:
    return Field(name=name, label=label, unit=unit, possible=possible, plausible=plausible, kind=kind)


def _measures(case: Case) -> Iterator[Field]:
    yield _number("weight", C_("Weight"), "kg", between("20", "250"), between("35", "120"), Kind.DECIMAL)
    if not of_kind(case.pregnancy.measures, "height"):
        yield _number("height", C_("Height"), "cm", between("80", "230"), between("135", "190"), Kind.DECIMAL)
    yield _number("temperature", C_("Temperature"), "°C", between("30", "45"), between("35.5", "38.9"), Kind.DECIMAL)
    if case.reached(16):
        yield _number(
            "fundal_height", C_("Height of the womb"), "cm", between("5", "60"), between("12", "42"), Kind.DECIMAL
        )
        yield Field(name="heartbeat", label=C_("Is the baby's heartbeat heard?"), kind=Kind.KNOWN)
        yield Field(
            name="heart_rate",
            label=C_("Baby's heart rate"),
            unit=N_("a minute"),
            kind=Kind.INTEGER,
            possible=between("40", "260"),
            plausible=_HEART,
            when=when("heartbeat", "yes"),
        )
    if case.reached(34):
        yield Field(
            name="presentation",
            label=C_("How does the baby lie?"),
            kind=Kind.CHOICE,
            choices=choices(said.PRESENTATIONS),
        )


def tests_section(case: Case) -> Section:
    """What is tested. What is known for life is not asked again."""
    positive = {test.kind for test in case.mother.tests if test.result == "positive"}
    fields = [
        Field(name="protein", label=C_("Protein in the urine"), kind=Kind.CHOICE, choices=choices(said.PROTEIN)),
        _number("haemoglobin", C_("Haemoglobin"), "g/dL", between("2", "25"), between("7.0", "16"), Kind.DECIMAL),
        *(() if "hiv" in positive else (_test("hiv", C_("HIV test")),)),
        _test("syphilis", C_("Syphilis test")),
        *(() if "hepatitis-b" in positive else (_test("hepatitis_b", C_("Hepatitis B test")),)),
    ]
    return Section(title=C_("Tests"), fields=tuple(fields))


def _test(name: str, label: Text) -> Field:
    return Field(name=name, label=label, kind=Kind.CHOICE, choices=choices(_results(TESTS[name])))


def _results(test: str) -> list[Concept]:
    return [concept for (name, _), concept in said.RESULT_VALUES.items() if name == test]


# --- writing ----------------------------------------------------------------------------------------------------------


def note(notes: Notes, answers: Answers) -> None:
    """What was found, apart from the blood pressure."""
    notes.signs("danger-signs", said.DANGER_SIGNS, answers.chosen("danger_signs"))
    notes.signs("pre-eclampsia-symptoms", said.PRE_ECLAMPSIA_SYMPTOMS, answers.chosen("symptoms"))
    notes.sign("fetal-movement", said.MOVEMENTS, answers.text("movement"))
    notes.answer("oedema", answers.yes("oedema"))
    for field, name in MEASURED.items():
        notes.measure(name, answers.number(field))
    notes.measure("fundal-height", answers.number("fundal_height"))
    notes.answer("fetal-heartbeat", answers.yes("heartbeat"))
    notes.measure("fetal-heart-rate", answers.number("heart_rate"))
    notes.sign("presentation", said.PRESENTATIONS, answers.text("presentation"))
    notes.sign("urine-protein", said.PROTEIN, answers.text("protein"))
    notes.measure("haemoglobin", answers.number("haemoglobin"))
    for field, name in TESTS.items():
        notes.test(name, answers.text(field))
