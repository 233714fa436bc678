"""A contact after a birth: danger signs of mother and newborn first, then how both are.

Source: WHO recommendations on maternal and newborn care for a positive postnatal experience 2022 (assessment of the mother:
recommendations 1 and 2 and box 3.1; of the newborn: recommendation 19 and table 3.2).
"""

from datetime import timedelta
from typing import Final

from edge_node.errors import NotFound
from edge_node.forms.answers import Answers
from edge_node.forms.context import Context, Sheet
from edge_node.forms.fields import Field, Form, Kind, Section, between
from edge_node.forms.maternal import appointments, blood_pressure
from edge_node.forms.maternal.case import Case, latest
from edge_node.forms.maternal.choices import choices
from edge_node.forms.maternal.contact import day_of, to_pregnancy, when_section
from edge_node.forms.maternal.newborns import BABIES_MAX, TITLES, name
from edge_node.forms.maternal.notes import Notes, time_of
from edge_node.forms.showing import Standing
from edge_node.language import C_, N_, Text, _
from edge_node.maternal.concepts import ACTS, NEWBORN_DANGER_SIGNS, POSTNATAL_DANGER_SIGNS
from edge_node.maternal.facts import born_on
from edge_node.maternal.postnatal import CONTACTS
from edge_node.store.model import Write

TALKS: Final = (
    "danger-sign-counselling",
    "breastfeeding-counselling",
    "nutrition-counselling",
    "family-planning-counselling",
)


def babies_of(case: Case) -> tuple[str, ...]:
    """References of the babies born alive, in order."""
    return tuple(
        dict.fromkeys(each.baby for each in case.pregnancy.outcomes if each.kind == "live-birth" and each.baby)
    )


def form(context: Context) -> Form:
    """What is asked after a birth. Raises NotFound where there was none."""
    case = latest(context)
    if born_on(case.pregnancy) is None:
        raise NotFound()
    babies = babies_of(case)[:BABIES_MAX]
    return Form(
        title=C_("Contact after birth"),
        intro=_since(case),
        sections=(
            _danger(),
            *(_baby(number, title) for number, title in enumerate(TITLES[: len(babies)], 1)),
            blood_pressure.section(),
            _mother(),
            appointments.section(context),
            when_section(context, born_on(case.pregnancy)),
        ),
        checks=(blood_pressure.check,),
    )


def _since(case: Case) -> Text:
    born = born_on(case.pregnancy)
    return C_("Days since the birth: %(count)s").of(count=(case.today - born).days if born else "")


def _danger() -> Section:
    return Section(
        title=C_("Quick check: is the mother in danger?"),
        hint=C_("Look and ask before anything else. With any of these she is referred at once."),
        fields=(
            Field(
                name="danger_signs",
                label=C_("Danger signs of the mother"),
                kind=Kind.CHOICES,
                choices=choices(POSTNATAL_DANGER_SIGNS),
                required=True,
            ),
        ),
    )


def _baby(number: int, title: Text) -> Section:
    return Section(
        title=title,
        hint=C_("Leave it empty if the baby was not seen."),
        fields=(
            Field(
                name=name("danger_signs", number),
                label=C_("Danger signs of the baby"),
                kind=Kind.CHOICES,
                choices=choices(NEWBORN_DANGER_SIGNS),
            ),
            Field(
                name=name("weight", number),
                label=C_("Weight of the baby"),
                unit="kg",
                kind=Kind.DECIMAL,
                possible=between("0.3", "12"),
                plausible=between("1.5", "7"),
            ),
            Field(
                name=name("temperature", number),
                label=C_("Temperature of the baby"),
                unit="°C",
                kind=Kind.DECIMAL,
                possible=between("28", "43"),
                plausible=between("35.5", "37.4"),
            ),
        ),
    )


def _mother() -> Section:
    return Section(
        title=C_("The mother"),
        fields=(
            Field(
                name="temperature",
                label=C_("Temperature"),
                unit="°C",
                kind=Kind.DECIMAL,
                possible=between("30", "45"),
                plausible=between("35.5", "38.9"),
            ),
            Field(
                name="pulse",
                label=C_("Pulse"),
                unit=N_("a minute"),
                kind=Kind.INTEGER,
                possible=between("20", "250"),
                plausible=between("50", "119"),
            ),
            Field(
                name="talks",
                label=C_("Talked about"),
                kind=Kind.CHOICES,
                choices=choices(ACTS[each] for each in TALKS),
            ),
        ),
    )


def start(context: Context) -> Standing:
    """The first day of the next contact after the birth."""
    born = born_on(latest(context).pregnancy)
    if born is None:
        return {}
    days = (born + timedelta(each.first) for each in CONTACTS)
    following = next((day for day in days if day > context.today + timedelta(1)), None)
    return {"next_on": following.isoformat()} if following is not None else {}


def write(answers: Answers, context: Context) -> list[Write]:
    """The mother's contact; and one of each baby that was seen."""
    case = latest(context)
    at = time_of(context, day_of(answers, context))
    notes = Notes(context, context.she.reference, at, episode=case.link)
    notes.begin("postnatal-contact")
    notes.signs("postnatal-danger-signs", POSTNATAL_DANGER_SIGNS, answers.chosen("danger_signs"))
    blood_pressure.note(notes, answers)
    notes.measure("temperature", answers.number("temperature"))
    notes.measure("pulse", answers.number("pulse"))
    for talk in answers.chosen("talks"):
        notes.talk(talk)
    seen = [
        write
        for number, baby in enumerate(babies_of(case), 1)
        for write in _of_baby(answers, context, number, baby, at)
    ]
    return [*notes.writes, *seen, *appointments.booked(answers, context)]


def _of_baby(answers: Answers, context: Context, number: int, baby: str, at: str) -> list[Write]:
    fields = [name(field, number) for field in ("danger_signs", "weight", "temperature")]
    if not any(field in answers for field in fields):
        return []
    notes = Notes(context, baby, at)
    notes.begin("postnatal-contact")
    notes.signs("newborn-danger-signs", NEWBORN_DANGER_SIGNS, answers.chosen(fields[0]))
    notes.measure("weight", answers.number(fields[1]))
    notes.measure("temperature", answers.number(fields[2]))
    return notes.writes


POSTNATAL: Final = Sheet(
    name="postnatal-contact",
    path="/patients/{id_}/pregnancy/after",
    form=form,
    start=start,
    write=write,
    after=to_pregnancy,
    news=lambda answers, context: _("The contact is saved."),
)
