"""A prescription, with what speaks against the medicine; and stopping a medicine.

What speaks against it (`edge_node/medicines/cautions.py`) is asked about, each by itself, and never forbids: who prescribes knows more
than the record does. Why it is given all the same has to be said, and stays with the prescription, where the next one reads it.
"""

from collections.abc import Iterator
from typing import Any, Final

from edge_node.forms.answers import Answers
from edge_node.forms.care import dosing, saying
from edge_node.forms.context import Context, Held, Sheet, changed, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, between, when
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, _, reading
from edge_node.medicines import formulary, record
from edge_node.medicines.cautions import Caution, cautions
from edge_node.problems import catalogue
from edge_node.store.model import Write

ENDS: Final = (
    Choice("completed", C_("Taken to the end")),
    Choice("better", C_("No longer needed")),
    Choice("no-effect", C_("It did not help")),
    Choice("side-effect", C_("A side effect")),
    Choice("allergy", C_("An allergic reaction")),
    Choice("replaced", C_("Another one instead")),
    Choice("other", C_("Another reason")),
)


def form(context: Context) -> Form:
    """What, how much, how often, how long."""
    medicine = Field(
        name="medicine",
        label=C_("Medicine"),
        hint=C_("Type and choose from the list with form and strength, or write it in your own words."),
        kind=Kind.LISTED,
        listed="medicines",
        required=True,
        chars_max=120,
    )
    despite = Field(
        name="despite",
        label=C_("Why is it given all the same?"),
        hint=C_("Only where something speaks against it. It stays with the prescription."),
        kind=Kind.LONG,
        chars_max=1000,
    )
    return Form(
        title=C_("Prescribe a medicine"),
        sections=(
            Section(title=C_("Medicine"), fields=(medicine,)),
            Section(title=C_("How to take it"), fields=tuple(_dosage())),
            Section(title=C_("What speaks against it"), folded=True, fields=(despite,)),
        ),
        send=C_("Prescribe"),
        checks=(lambda answers: check(answers, context),),
    )


def _dosage() -> Iterator[Field]:
    yield Field(
        name="dose",
        label=C_("How much at a time?"),
        kind=Kind.DECIMAL,
        required=True,
        possible=between("0.01", "100000"),
        plausible=between("0.1", "5000"),
    )
    yield Field(
        name="unit",
        label=C_("Of what?"),
        kind=Kind.CHOICE,
        choices=dosing.UNITS,
        hint=C_("As it is counted or measured."),
    )
    yield Field(name="often", label=C_("How often?"), kind=Kind.CHOICE, choices=dosing.OFTEN, required=True)
    yield Field(
        name="needed", label=C_("Only when it is needed"), kind=Kind.CHOICES, choices=(Choice("yes", C_("Yes")),)
    )
    yield Field(
        name="days",
        label=C_("For how many days?"),
        hint=C_("Leave it empty for a medicine that goes on."),
        kind=Kind.INTEGER,
        unit=N_("days"),
        possible=between("1", "366"),
        plausible=between("1", "120"),
        when=when("often", *(choice.value for choice in dosing.OFTEN if choice.value != "once")),
    )
    yield Field(
        name="how", label=C_("What else to tell"), hint=C_("Such as: with food."), kind=Kind.LONG, chars_max=500
    )
    yield Field(name="reason", label=C_("What is it for?"), kind=Kind.LISTED, listed="problems", chars_max=120)


def against(answers: Answers, context: Context) -> tuple[Caution, ...]:
    """What speaks against the medicine that was chosen."""
    person = record.read(context.she.resource, [held.resource for held in context.records], context.today)
    return cautions(formulary.find(answers.text("medicine")).medicine, person)


def check(answers: Answers, context: Context) -> Iterator[Problem | Doubt]:
    """Each caution is asked about, and that somebody gives a reason."""
    found = against(answers, context)
    for one in found:
        text = C_("%(why)s Give it all the same?").of(why=one.text)
        yield Doubt("medicine", text, f"{answers.text('medicine')} {one.kind} {str(one.text)[:80]}")
    if found and not answers.text("despite"):
        yield Problem(
            "despite", C_("Something speaks against this medicine. Say why it is given, or choose another one.")
        )
    if "dose" in answers and "unit" not in answers and not dosing.unit_of(_product(answers).form):
        yield Problem("unit", N_("Choose one of these."))


def _product(answers: Answers) -> formulary.Product:
    return formulary.find(answers.text("medicine"))


def write(answers: Answers, context: Context) -> list[Write]:
    """The MedicationRequest."""
    product, days = _product(answers), answers.whole("days")
    body = {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": formulary.said(product),
        "subject": context.subject,
        **saying.visit_of_today(context),
        "authoredOn": context.moment,
        "requester": saying.by(context),
        "reasonCode": [_reason(answers)] if answers.text("reason") else [],
        "note": saying.note(context, *_despite(answers, context)),
        "dosageInstruction": [_instruction(answers, product)],
        "dispenseRequest": {"expectedSupplyDuration": dosing.span(days)} if days is not None else {},
    }
    return [create("MedicationRequest", context.new_id(), body)]


def _reason(answers: Answers) -> dict[str, Any]:
    return catalogue.said(answers.text("reason"))


def _instruction(answers: Answers, product: formulary.Product) -> dict[str, Any]:
    quantity = dosing.dose(answers.number("dose"), answers.text("unit") or dosing.unit_of(product.form))
    told = answers.text("how")
    instruction: dict[str, Any] = {"timing": dosing.timing(answers.text("often"), answers.whole("days"))}
    if answers.chosen("needed"):
        instruction["asNeededBoolean"] = True
    if quantity:
        instruction["doseAndRate"] = [{"doseQuantity": quantity}]
    if told:
        instruction["additionalInstruction"] = [{"text": told}]
    return instruction


def _despite(answers: Answers, context: Context) -> list[str]:
    """What spoke against it and why it is given. Records are written in English, whoever reads the form."""
    found = against(answers, context)
    if not found:
        return []
    with reading("en"):
        return [f"{' '.join(str(one.text) for one in found)} {answers.text('despite')}"]


# --- stopping ---------------------------------------------------------------------------------------------------------


def _about(context: Context) -> Held:
    return saying.is_about(context, "MedicationRequest", "MedicationStatement")


def stop_form(context: Context) -> Form:
    """Why a medicine is taken no more."""
    named = record.said(_about(context).resource.get("medicationCodeableConcept"))
    fields = (
        Field(name="why", label=C_("Why?"), kind=Kind.CHOICE, choices=ENDS, required=True),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=1000),
    )
    title = C_("Stop a medicine: %(what)s").of(what=named)
    return Form(title=title, sections=(Section(title=C_("The end"), fields=fields),), send=C_("Stop it"))


def stop(answers: Answers, context: Context) -> list[Write]:
    """The prescription or statement, stopped or completed, with the reason."""
    held, why = _about(context), answers.text("why")
    text = next(choice.label.message for choice in ENDS if choice.value == why)
    reason = {"text": text}
    members = {
        "status": "completed" if why == "completed" else "stopped",
        "statusReason": [reason] if held.type == "MedicationStatement" else reason,
        "note": [*(held.resource.get("note") or []), *saying.note(context, answers.text("note"))],
    }
    return [changed(held, **members)]


def stopped(answers: Answers, context: Context) -> str:
    """After an allergic reaction, that the allergy has to be recorded too."""
    if answers.text("why") == "allergy":
        return _("The medicine is stopped. Record the allergy too, so that nobody gives it again.")
    return _("The medicine is stopped.")


PRESCRIPTION: Final = Sheet(
    name="prescription",
    path="/patients/{id_}/medicines/new",
    form=form,
    write=write,
    news=lambda answers, context: _("The medicine is prescribed."),
    types=("MedicationRequest",),
)
STOP_MEDICINE: Final = Sheet(
    name="stop-medicine",
    path="/patients/{id_}/medicines/stop",
    form=stop_form,
    write=stop,
    edits=lambda context: (_about(context).reference,),
    news=stopped,
    types=("MedicationRequest", "MedicationStatement"),
)
