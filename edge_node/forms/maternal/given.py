"""What is given, handed out and talked about at a contact, with why something must not be given.

What was given although it must not be is written all the same, after it was asked: the record has to say what she swallowed.
"""

from collections.abc import Iterator
from typing import Final

from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, changed
from edge_node.forms.fields import NO, YES, Choice, Field, Kind, Section, between
from edge_node.forms.maternal.case import Case
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.notes import Notes
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, Text
from edge_node.maternal.anaemia import anaemia
from edge_node.maternal.concepts import ACTS
from edge_node.maternal.facts import of_kind
from edge_node.maternal.history_concepts import MEDICINES
from edge_node.maternal.prevention import SP, SP_APART, SP_FROM_WEEK, aspirin_reasons, sp_barred
from edge_node.maternal.prevention import iron_mg as usual_iron_mg
from edge_node.store.model import Write

TALKS: Final = (
    "birth-plan-counselling",
    "danger-sign-counselling",
    "nutrition-counselling",
    "breastfeeding-counselling",
    "family-planning-counselling",
    "bed-net",
)
SUPPLIES: Final = ("iron-folate", "calcium", "aspirin")
_HOW: Final = {
    "calcium": "1.5 g a day, with meals and not together with iron",
    "aspirin": "75 mg a day",
    SP: "3 tablets, swallowed at the clinic",
    "albendazole": "400 mg, swallowed at the clinic",
    "mebendazole": "500 mg, swallowed at the clinic",
}
"""Doses as the record keeps them. Sources: `edge_node/maternal/prevention.py`; SP: WHO policy brief on IPTp-SP 2014, p. 4."""
BARRED: Final = {
    "sulfa-allergy": C_("Do not give SP: she is allergic to sulfa medicines."),
    "co-trimoxazole": C_("Do not give SP: she takes co-trimoxazole."),
}
_YES_NO: Final = (Choice(YES, N_("Yes")), Choice(NO, N_("No")))


def field_of(medicine: str) -> str:
    """The field for a supply."""
    return medicine.replace("-", "_")


def section(case: Case) -> Section:
    """What was given today. SP, calcium, aspirin and medicine against worms are asked where they matter."""
    return Section(title=C_("Given today"), fields=tuple(_fields(case)))


def _fields(case: Case) -> Iterator[Field]:
    yield Field(name="tetanus", label=C_("Tetanus vaccine"), kind=Kind.CHOICE, choices=_YES_NO)
    iron = C_("Iron and folic acid handed out, for how many days?")
    yield _supply("iron-folate", iron, C_("Usually one tablet a day; %(amount)s mg of iron.").of(amount=iron_mg(case)))
    if case.programme.malaria and case.reached(10):
        barred = sp_trouble(case)
        yield Field(
            name="sp", label=C_("SP against malaria, swallowed here"), hint=barred, kind=Kind.CHOICE, choices=_YES_NO
        )
    if case.programme.worms and case.reached(12):
        yield Field(
            name="worms",
            label=C_("Medicine against worms, swallowed here"),
            kind=Kind.CHOICE,
            choices=(*choices(MEDICINES[name] for name in ("albendazole", "mebendazole")), Choice(NO, N_("No"))),
        )
    if case.programme.calcium_low and case.reached(19):
        yield _supply("calcium", C_("Calcium handed out, for how many days?"))
    reasons = aspirin_reasons(case.mother, case.pregnancy)
    if reasons and case.reached(12):
        yield _supply("aspirin", C_("Aspirin handed out, for how many days?"), C_("Her risk of pre-eclampsia is high."))
    yield Field(
        name="talks",
        label=C_("Talked about, or handed out"),
        kind=Kind.CHOICES,
        choices=choices(ACTS[name] for name in TALKS),
    )


def _supply(medicine: str, label: Text, hint: Text | None = None) -> Field:
    return Field(
        name=field_of(medicine),
        label=label,
        hint=hint,
        kind=Kind.INTEGER,
        unit=N_("days"),
        possible=between("1", "270"),
        plausible=between("7", "90"),
    )


def iron_mg(case: Case) -> int:
    """How much iron a day: 120 mg where she is anaemic, else what the programme gives (WHO ANC 2016, A.2.1)."""
    if anaemia(case.mother, case.pregnancy, case.programme)[0] != "none":
        return 120
    return usual_iron_mg(case.programme)


def sp_trouble(case: Case) -> Text | None:
    """Why SP is not to be given today; None where it may be."""
    barred, _ = sp_barred(case.mother)
    if barred:
        return BARRED[barred]
    if case.age_days is None or case.age_days < 7 * SP_FROM_WEEK:
        return C_("Not before 13 weeks of pregnancy, and not before the weeks are known.")
    given = of_kind(case.pregnancy.doses, SP)
    again = given[-1].on + SP_APART if given else case.today
    if again > case.today:
        return C_("Not yet: the last dose was %(count)s days ago, and four weeks are needed between two.").of(
            count=(case.today - given[-1].on).days
        )
    return None


def check(answers: Answers, case: Case) -> Iterator[Problem | Doubt]:
    """SP that must not be given, by what is on record or by what was just told."""
    if answers.yes("sp"):
        told = "sulfa-allergy" if "sulfa" in answers.chosen("allergies") else ""
        taken = "co-trimoxazole" if "co-trimoxazole" in answers.chosen("medicines") else ""
        trouble = BARRED.get(told or taken) or sp_trouble(case)
        if trouble is not None:
            yield Doubt("sp", C_("%(trouble)s Was it given all the same?").of(trouble=trouble), trouble.message)
    worms = answers.text("worms")
    if worms not in ("", NO) and case.age_days is not None and case.age_days < 7 * SP_FROM_WEEK:
        text = C_("Medicine against worms is for after 13 weeks of pregnancy. Was it given all the same?")
        yield Doubt("worms", text, worms)


def note(notes: Notes, answers: Answers, case: Case, context: Context) -> list[Write]:
    """What was given; and that a supply of before is used up by a new one."""
    if answers.yes("tetanus"):
        notes.tetanus()
    how = {**_HOW, "iron-folate": f"{iron_mg(case)} mg of iron and 0.4 mg of folic acid a day"}
    ended: list[Write] = []
    for medicine in SUPPLIES:
        days = answers.number(field_of(medicine))
        if days is not None:
            ended += _ended(medicine, case, context)
            notes.hand_out(medicine, int(days), how[medicine])
    if answers.yes("sp"):
        notes.give(SP, how[SP])
    if answers.text("worms") not in ("", NO):
        notes.give(answers.text("worms"), how[answers.text("worms")])
    for talk in answers.chosen("talks"):
        notes.talk(talk)
    return ended


def _ended(medicine: str, case: Case, context: Context) -> list[Write]:
    """Prescriptions of the same that are still in force end with the new one."""
    before = [each.ref for each in case.mother.medicines if each.kind == medicine and each.prescribed and each.active]
    held = [one for one in map(context.held, before) if one is not None]
    return [changed(one, status="completed") for one in held]
