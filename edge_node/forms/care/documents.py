"""A photo or a scanned document, put into the record. What is kept of it: `edge_node/documents`."""

from collections.abc import Iterator
from typing import Final

from edge_node.concepts import LOINC
from edge_node.documents import kinds, parts
from edge_node.documents.kinds import FILE_BYTES_MAX, NoDocument
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Sheet, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span
from edge_node.forms.parsing import Problem
from edge_node.language import C_, N_, _
from edge_node.store.model import Write

KINDS: Final = (
    Choice("11502-2", C_("Laboratory report")),
    Choice("18842-5", C_("Discharge letter")),
    Choice("57133-1", C_("Referral letter")),
    Choice("18748-4", C_("X-ray or ultrasound picture")),
    Choice("72170-4", C_("Photo of the body: skin, wound")),
    Choice("59284-0", N_("Signed consent")),
    Choice("34109-9", N_("Another paper")),
)
"""Values are LOINC codes of documents."""


def form(context: Context) -> Form:
    """The file, and what it is."""
    fields = (
        Field(
            name="document",
            label=N_("Photo or file"),
            hint=N_("A photo, or a PDF, of up to 25 MB. Large files are sent in parts, and go on after a break."),
            kind=Kind.FILE,
            required=True,
            accept="image/*,application/pdf",
            bytes_max=FILE_BYTES_MAX,
        ),
        Field(name="kind", label=N_("What is it?"), kind=Kind.CHOICE, choices=KINDS, required=True),
        Field(name="title", label=N_("What it shows"), hint=N_("Such as: left foot, before dressing."), chars_max=120),
        Field(
            name="of",
            label=N_("From which day is it?"),
            hint=N_("Leave it empty for today."),
            kind=Kind.DATE,
            possible_days=Span(None, context.today),
        ),
    )
    return Form(
        title=N_("Add a photo or document"),
        sections=(Section(title=N_("Photo or document"), fields=fields),),
        checks=(_readable,),
    )


def _readable(answers: Answers) -> Iterator[Problem]:
    file = answers.file("document")
    try:
        if file is not None:
            kinds.kept(file.content)
    except NoDocument:
        yield Problem("document", N_("This is neither a picture nor a PDF that can be read here. Choose another file."))


def write(answers: Answers, context: Context) -> list[Write]:
    """The DocumentReference and the Binaries that hold the file."""
    file = answers.file("document")
    kind = next(choice for choice in KINDS if choice.value == answers.text("kind"))
    if file is None:
        return []
    kept = kinds.kept(file.content)
    title = answers.text("title") or kind.label.message
    made = saying.moment_of(context, answers.date("of"))
    piece = parts.cut(kept, title, made, context.she.reference, context.new_id)
    encounter = saying.visit_of_today(context).get("encounter")
    body = {
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": LOINC, "code": kind.value}], "text": kind.label.message},
        "subject": context.subject,
        "date": context.moment,
        "author": [saying.by(context)],
        "description": title,
        "content": list(piece.content),
        "context": {"encounter": [encounter]} if encounter else {},
    }
    document = create("DocumentReference", context.new_id(), body)
    return [document, *(create("Binary", id_, binary) for id_, binary in piece.binaries)]


def after(writes: list[Write], context: Context) -> str:
    """The document's page."""
    return f"/patients/{context.she.id}/documents/{writes[0].id}"


DOCUMENT: Final = Sheet(
    name="document",
    path="/patients/{id_}/documents/new",
    form=form,
    write=write,
    after=after,
    news=lambda answers, context: _("The document is saved."),
    types=("DocumentReference", "Binary"),
)
