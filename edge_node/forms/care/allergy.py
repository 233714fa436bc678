"""An allergy, that there is none, and that one was none.

What is written is an AllergyIntolerance (FHIR R4, https://hl7.org/fhir/R4/allergyintolerance.html): who has none that she knows of has a
record that says so (SNOMED CT 716186003), since an empty list may also mean that nobody asked.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from edge_node.concepts import Concept, Table, codeable, concept
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed, create, without_empty
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section, Span, when
from edge_node.forms.maternal.choices import choices
from edge_node.forms.parsing import Doubt, Problem
from edge_node.language import C_, N_, _
from edge_node.medicines import formulary, record, substances
from edge_node.store.model import Write

REACTIONS: Final = Table(
    (
        concept("rash", "Rash", snomed="271807003"),
        concept("itching", "Itching", snomed="418290006"),
        concept("hives", "Hives", snomed="126485001"),
        concept("swelling", "Swelling of face, lips or tongue", snomed="41291007"),
        concept("breathing", "Trouble breathing", snomed="267036007"),
        concept("collapse", "Collapse (severe allergic shock)", snomed="39579001"),
        concept("blisters", "Blisters and sores of skin and mouth", snomed="73442001"),
        concept("vomiting", "Vomiting", snomed="422400008"),
        concept("diarrhoea", "Diarrhoea", snomed="62315008"),
        concept("fever", "Fever", snomed="386661006"),
    )
)
GRAVE: Final = frozenset({"swelling", "breathing", "collapse", "blisters"})
"""Reactions after which the next one may kill. Source: WHO Model Formulary 2008, section 3 ("Allergic emergencies")."""
SEVERITIES: Final = (
    Choice("mild", C_("Mild")),
    Choice("moderate", C_("Moderate")),
    Choice("severe", C_("Severe")),
)
CERTAINTIES: Final = (Choice("confirmed", C_("Sure")), Choice("unconfirmed", C_("She or he tells so")))
ENDS: Final = (
    Choice("refuted", C_("It was no allergy")),
    Choice("resolved", C_("It is over")),
)


def form(context: Context) -> Form:
    """Whether there is an allergy, to what, and what happened."""
    has = when("has", YES)
    sections = (
        Section(
            title=C_("Allergy"),
            fields=(
                Field(
                    name="has",
                    label=C_("Is there an allergy?"),
                    kind=Kind.CHOICE,
                    choices=(Choice(YES, C_("Yes")), Choice(NO, C_("No allergy is known"))),
                    required=True,
                ),
                Field(
                    name="substance",
                    label=C_("Allergic to what?"),
                    hint=C_("A medicine, a group of medicines, a food. Choose from the list, or write it."),
                    kind=Kind.LISTED,
                    listed="substances",
                    required=True,
                    when=has,
                    chars_max=120,
                ),
            ),
        ),
        Section(title=C_("What happened"), when=has, fields=tuple(_reaction(context))),
    )
    return Form(title=C_("Add an allergy"), sections=sections, checks=(lambda answers: _known(answers, context),))


def _reaction(context: Context) -> Iterator[Field]:
    yield Field(name="reactions", label=C_("What happened?"), kind=Kind.CHOICES, choices=choices(REACTIONS))
    yield Field(name="other", label=C_("Something else"), chars_max=200)
    yield Field(name="severity", label=C_("How bad was it?"), kind=Kind.CHOICE, choices=SEVERITIES)
    yield Field(name="sure", label=C_("How sure is it?"), kind=Kind.CHOICE, choices=CERTAINTIES)
    yield Field(
        name="since",
        label=C_("When was it?"),
        hint=N_("The year alone is enough."),
        kind=Kind.DATE,
        partial=True,
        possible_days=Span(None, context.today),
    )


def _in_force(context: Context) -> list[Held]:
    return list(saying.active(context.of_type("AllergyIntolerance")))


def _known(answers: Answers, context: Context) -> Iterator[Problem | Doubt]:
    """ "None" beside an allergy that is on record; the same one twice."""
    real = [held for held in _in_force(context) if not record.denies(held.resource)]
    if answers.text("has") == NO and real:
        named = ", ".join(record.said(held.resource.get("code")) for held in real)
        text = C_("An allergy is on record: %(what)s. If it was none, mark that one first.")
        yield Problem("has", text.of(what=named))
    typed = formulary.key_of(answers.text("substance"))
    if typed and any(formulary.key_of(record.said(held.resource.get("code"))) == typed for held in real):
        yield Doubt("substance", C_("This allergy is on record already. Add it once more?"), answers.text("substance"))


def write(answers: Answers, context: Context) -> list[Write]:
    """The AllergyIntolerance; a record that there is none ends with it, and that is not said twice."""
    denials = [held for held in _in_force(context) if record.denies(held.resource)]
    if answers.text("has") == NO:
        return [] if denials else [_denial(context)]
    over = {"clinicalStatus": saying.term("allergyintolerance-clinical", "inactive")}
    return [_allergy(answers, context), *(changed(held, **over) for held in denials)]


def _denial(context: Context) -> Write:
    return _created(context, codeable(substances.NONE_KNOWN), "confirmed")


def _created(context: Context, code: Mapping[str, Any], sure: str, **members: Any) -> Write:
    body = {
        "clinicalStatus": saying.term("allergyintolerance-clinical", "active"),
        "verificationStatus": saying.term("allergyintolerance-verification", sure),
        "code": code,
        "patient": context.subject,
        **saying.visit_of_today(context),
        "recordedDate": context.moment,
        "recorder": saying.by(context),
        **members,
    }
    return create("AllergyIntolerance", context.new_id(), body)


def _allergy(answers: Answers, context: Context) -> Write:
    code = substances.said(answers.text("substance"))
    chosen, severity = answers.chosen("reactions"), answers.text("severity")
    told = [codeable(_reaction_of(name)) for name in chosen]
    told += [{"text": answers.text("other")}] if answers.text("other") else []
    grave = severity == "severe" or bool(GRAVE & set(chosen))
    category = substances.category_of(code)
    since = answers.date("since")
    return _created(
        context,
        code,
        answers.text("sure") or "unconfirmed",
        type="allergy",
        category=[category] if category else [],
        criticality="high" if grave else "low" if told else "unable-to-assess",
        onsetDateTime=since.text if since else None,
        reaction=[without_empty({"manifestation": told, "severity": severity})] if told else [],
        note=[] if told or not severity else saying.note(context, f"Severity: {severity}"),
    )


def _reaction_of(name: str) -> Concept:
    return REACTIONS[name]


# --- ending one -------------------------------------------------------------------------------------------------------


def _about(context: Context) -> Held:
    return saying.is_about(context, "AllergyIntolerance")


def end_form(context: Context) -> Form:
    """Why an allergy is no more, which has to be said."""
    named = record.said(_about(context).resource.get("code"))
    fields = (
        Field(name="end", label=C_("What is known now?"), kind=Kind.CHOICE, choices=ENDS, required=True),
        Field(
            name="reason",
            label=C_("How is that known?"),
            hint=C_("Such as: took amoxicillin again without any trouble."),
            kind=Kind.LONG,
            required=True,
            chars_max=1000,
        ),
    )
    title = C_("No longer an allergy: %(what)s").of(what=named)
    return Form(title=title, sections=(Section(title=C_("The end"), fields=fields),))


def end(answers: Answers, context: Context) -> list[Write]:
    """The AllergyIntolerance refuted or resolved, with the reason."""
    held = _about(context)
    members: dict[str, Any] = {
        "clinicalStatus": saying.term("allergyintolerance-clinical", "resolved"),
        "note": [*(held.resource.get("note") or []), *saying.note(context, answers.text("reason"))],
    }
    if answers.text("end") == "refuted":
        members["clinicalStatus"] = saying.term("allergyintolerance-clinical", "inactive")
        members["verificationStatus"] = saying.term("allergyintolerance-verification", "refuted")
    return [changed(held, **members)]


ALLERGY: Final = Sheet(
    name="allergy",
    path="/patients/{id_}/allergies/new",
    form=form,
    write=write,
    edits=lambda context: [held.reference for held in _in_force(context) if record.denies(held.resource)],
    news=lambda answers, context: (
        _("The allergy is saved.") if answers.yes("has") else _("Saved: no allergy is known.")
    ),
    types=("AllergyIntolerance",),
)
END_ALLERGY: Final = Sheet(
    name="end-allergy",
    path="/patients/{id_}/allergies/end",
    form=end_form,
    write=end,
    edits=lambda context: (_about(context).reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=("AllergyIntolerance",),
)
