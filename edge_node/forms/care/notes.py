"""A note in words.

It is a DocumentReference with the text within it, not a Communication (a message that was sent to somebody), an Observation (one thing
that was measured or seen) or a ClinicalImpression (a judgement on findings that it has to name, and a type that few programs read):
US Core's guidance on clinical notes (https://hl7.org/fhir/us/core/clinical-notes.html) and the International Patient Access guide
exchange notes so, and a document has what a note in a record needs: an author, a day, a visit, and that it was replaced by another. A
note that was signed is not changed but replaced (`relatesTo`), so what was read before is still there.
"""

import base64
from typing import Any, Final

from edge_node.concepts import LOINC
from edge_node.errors import NotFound
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed, create
from edge_node.forms.fields import Field, Form, Kind, Section
from edge_node.language import N_, _
from edge_node.store.model import Write

NOTE: Final = {"coding": [{"system": LOINC, "code": "34109-9"}], "text": "Note"}
VISIT_NOTE: Final = {"coding": [{"system": LOINC, "code": "34109-9"}], "text": "Note of a visit"}
TEXT: Final = "text/plain"
CHARS_MAX: Final = 20_000


def written(
    context: Context, text: str, kind: dict[str, Any], title: str, visit: dict[str, Any], **members: Any
) -> Write:
    """A note as a DocumentReference. `visit`: as `saying.visit_of_today` has it."""
    attachment = {
        "contentType": f"{TEXT}; charset=utf-8",
        "data": base64.b64encode(text.encode()).decode(),
        "title": title or kind["text"],
        "creation": context.moment,
    }
    encounter = visit.get("encounter")
    body = {
        "status": "current",
        "docStatus": "final",
        "type": kind,
        "subject": context.subject,
        "date": context.moment,
        "author": [saying.by(context)],
        "content": [{"attachment": attachment}],
        "context": {"encounter": [encounter]} if encounter else {},
        **members,
    }
    return create("DocumentReference", context.new_id(), body)


def text_of(document: Any) -> str | None:
    """The text of a note; None of a document that is none."""
    contents = document.get("content") or [{}]
    attachment = contents[0].get("attachment") or {}
    data = attachment.get("data")
    if not str(attachment.get("contentType", "")).startswith(TEXT) or not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return None


def form(context: Context) -> Form:
    """A title, and what is to be remembered."""
    return _form(context, N_("Write a note"))


def _form(context: Context, title: Any) -> Form:
    return Form(
        title=title,
        sections=(
            Section(
                title=N_("Note"),
                fields=(
                    Field(name="title", label=N_("What it is about"), chars_max=120),
                    Field(name="text", label=N_("Note"), kind=Kind.LONG, required=True, chars_max=CHARS_MAX),
                ),
            ),
        ),
    )


def write(answers: Answers, context: Context) -> list[Write]:
    """The note."""
    visit = saying.visit_of_today(context)
    return [written(context, answers.text("text"), NOTE, answers.text("title"), visit)]


# --- replacing one ----------------------------------------------------------------------------------------------------


def _old(context: Context) -> Held:
    held = saying.is_about(context, "DocumentReference")
    if text_of(held.resource) is None:
        raise NotFound()
    return held


def change_form(context: Context) -> Form:
    """The same questions. Raises NotFound of a document that is no note."""
    _old(context)
    return _form(context, N_("Change the note"))


def start_again(context: Context) -> dict[str, str]:
    """What it says now."""
    resource = _old(context).resource
    title = ((resource.get("content") or [{}])[0].get("attachment") or {}).get("title", "")
    return {"title": str(title), "text": text_of(resource) or ""}


def replace(answers: Answers, context: Context) -> list[Write]:
    """A new note in place of the old one, which stays to be read as replaced."""
    old = _old(context)
    links = [{"code": "replaces", "target": {"reference": old.reference}}]
    members = {"relatesTo": links, **({"context": old.resource["context"]} if "context" in old.resource else {})}
    kind = old.resource.get("type") or NOTE
    new = written(context, answers.text("text"), {"text": "Note", **kind}, answers.text("title"), {}, **members)
    return [changed(old, status="superseded"), new]


NOTE_SHEET: Final = Sheet(
    name="note",
    path="/patients/{id_}/notes/new",
    form=form,
    write=write,
    types=("DocumentReference",),
    news=lambda answers, context: _("The note is saved."),
)
NOTE_AGAIN: Final = Sheet(
    name="change-note",
    path="/patients/{id_}/notes/change",
    form=change_form,
    start=start_again,
    write=replace,
    edits=lambda context: (_old(context).reference,),
    types=("DocumentReference",),
    news=lambda answers, context: _("The note is saved; the one before is kept as replaced."),
)
