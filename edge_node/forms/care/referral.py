"""A referral to another facility, printed as a letter; and its end.

A ServiceRequest of the category patient referral (SNOMED CT 3457005), to one Organization of the region by the facility's id: then the hub
moves her record there by itself (`hub/referring.py`). To a place that the hub does not know only the letter goes.
"""

from collections.abc import Iterator
from typing import Any, Final

from edge_node.concepts import SNOMED
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section
from edge_node.forms.parsing import Doubt
from edge_node.language import C_, N_, _
from edge_node.store.model import Write

REFERRAL_CODE: Final = {"coding": [{"system": SNOMED, "code": "3457005"}], "text": "Referral"}
URGENCIES: Final = (
    Choice("stat", C_("At once: her or his life is in danger")),
    Choice("urgent", C_("Today")),
    Choice("routine", C_("Within the next days or weeks")),
)
"""Values are codes of FHIR's request-priority."""
ENDS: Final = (
    Choice("completed", N_("She or he was there")),
    Choice("revoked", N_("Not needed any more")),
)


def form(context: Context) -> Form:
    """Where to, how urgent, why, what was done."""
    fields = (
        Field(
            name="to",
            label=N_("To which facility?"),
            hint=N_("Choose from the list: then the record goes there by itself. Or write another place."),
            kind=Kind.LISTED,
            listed="facilities",
            required=True,
            chars_max=120,
        ),
        Field(name="urgency", label=C_("How urgent is it?"), kind=Kind.CHOICE, choices=URGENCIES, required=True),
        Field(name="reason", label=C_("Why?"), kind=Kind.LONG, required=True, chars_max=2000),
        Field(name="done", label=C_("What was done here"), kind=Kind.LONG, chars_max=2000),
        Field(name="ask", label=C_("What do you ask of them?"), kind=Kind.LONG, chars_max=1000),
    )
    return Form(
        title=C_("Refer to another facility"),
        sections=(Section(title=C_("Referral"), fields=fields),),
        send=C_("Refer"),
        checks=(lambda answers: _check(answers, context),),
    )


def facility(answers: Answers, context: Context) -> str:
    """The id of the facility that was chosen; "" of a place that the hub does not know."""
    typed = answers.text("to").casefold()
    return next((id_ for name, id_ in context.places.items() if name.casefold() == typed), "")


def _check(answers: Answers, context: Context) -> Iterator[Doubt]:
    """A place that the hub does not know, and a referral that is open."""
    if not facility(answers, context):
        text = C_(
            "This place is not on the list: the record does not go there by itself. Give the printed letter along."
        )
        yield Doubt("to", text, answers.text("to"))
    if any(is_referral(held.resource) and held.resource.get("status") == "active" for held in _requests(context)):
        yield Doubt("to", C_("A referral is open already. Refer once more?"), f"again {answers.text('to')}")


def _requests(context: Context) -> tuple[Held, ...]:
    return context.of_type("ServiceRequest")


def is_referral(request: Any) -> bool:
    """Whether a ServiceRequest refers her to somebody else."""
    codings = [coding for kind in request.get("category") or [] for coding in kind.get("coding") or []]
    return any((one.get("system"), one.get("code")) == (SNOMED, "3457005") for one in codings)


def write(answers: Answers, context: Context) -> list[Write]:
    """The ServiceRequest."""
    id_ = facility(answers, context)
    name = next((name for name, known in context.places.items() if known == id_), answers.text("to"))
    asked = answers.text("ask")
    body = {
        "status": "active",
        "intent": "order",
        "category": [REFERRAL_CODE],
        "priority": answers.text("urgency"),
        "code": REFERRAL_CODE,
        "subject": context.subject,
        **saying.visit_of_today(context),
        "authoredOn": context.moment,
        "requester": saying.by(context),
        "performer": [{"reference": f"Organization/{id_}", "display": name} if id_ else {"display": name}],
        "reasonCode": [{"text": answers.text("reason")}],
        "note": saying.note(context, answers.text("done")),
        "orderDetail": [{"text": asked}] if asked else [],
    }
    return [create("ServiceRequest", context.new_id(), body)]


def letter(writes: list[Write], context: Context) -> str:
    """The page of its letter."""
    return f"/patients/{context.she.id}/referrals/{writes[0].id}"


def _about(context: Context) -> Held:
    return saying.is_about(context, "ServiceRequest")


def end_form(context: Context) -> Form:
    """How a referral ended."""
    _about(context)
    fields = (
        Field(name="end", label=N_("What happened?"), kind=Kind.CHOICE, choices=ENDS, required=True),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=2000),
    )
    return Form(title=C_("End a referral or an order"), sections=(Section(title=C_("The end"), fields=fields),))


def end(answers: Answers, context: Context) -> list[Write]:
    """The ServiceRequest, over."""
    held = _about(context)
    notes = [*(held.resource.get("note") or []), *saying.note(context, answers.text("note"))]
    return [changed(held, status=answers.text("end"), note=notes)]


REFERRAL: Final = Sheet(
    name="referral",
    path="/patients/{id_}/referral",
    form=form,
    write=write,
    after=letter,
    news=lambda answers, context: _("The referral is saved. Print the letter and give it along."),
    types=("ServiceRequest",),
)
END_REFERRAL: Final = Sheet(
    name="end-referral",
    path="/patients/{id_}/referral/end",
    form=end_form,
    write=end,
    edits=lambda context: (_about(context).reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=("ServiceRequest",),
)
