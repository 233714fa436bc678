"""A problem that is found (Condition), changed, and closed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from edge_node.forms.answers import Answers, Dated
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Held, Sheet, changed, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span
from edge_node.forms.parsing import Doubt
from edge_node.forms.showing import Standing, date_parts
from edge_node.language import C_, N_, Text, _
from edge_node.maternal.reading import coded
from edge_node.medicines import record
from edge_node.problems import catalogue
from edge_node.store.model import Write

CERTAINTIES: Final = (
    Choice("confirmed", C_("Sure")),
    Choice("provisional", C_("Likely, not proved yet")),
)
"""Values are codes of FHIR's condition-ver-status."""
LASTING, NOW = "problem-list-item", "encounter-diagnosis"
SPANS: Final = (
    Choice(NOW, C_("Of this time"), hint=C_("It is expected to heal.")),
    Choice(LASTING, C_("Lasting"), hint=C_("It stays on the list until somebody closes it.")),
)
"""Values are codes of FHIR's condition-category."""
ENDS: Final = (
    Choice("resolved", C_("It has healed")),
    Choice("inactive", C_("It is there, and troubles no more")),
    Choice("refuted", C_("It was something else")),
)
"""The first two are codes of condition-clinical, the last of condition-ver-status."""


def _form(context: Context, title: Text) -> Form:
    fields = (
        Field(
            name="problem",
            label=C_("Problem"),
            hint=C_("Type and choose from the list, or write it in your own words."),
            kind=Kind.LISTED,
            listed="problems",
            required=True,
            chars_max=120,
        ),
        Field(name="sure", label=C_("How sure is it?"), kind=Kind.CHOICE, choices=CERTAINTIES, required=True),
        Field(name="span", label=C_("How long does it stay?"), kind=Kind.CHOICE, choices=SPANS),
        Field(
            name="since",
            label=C_("Since when?"),
            hint=N_("The year alone is enough."),
            kind=Kind.DATE,
            partial=True,
            possible_days=Span(saying.born_from(context), context.today),
        ),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=2000),
    )
    return Form(
        title=title,
        sections=(Section(title=C_("The problem"), fields=fields),),
        checks=(lambda answers: _known(answers, context),),
    )


def form(context: Context) -> Form:
    """A problem, how sure it is, and since when."""
    return _form(context, C_("Add a problem"))


def _known(answers: Answers, context: Context) -> Iterator[Doubt]:
    """The same problem is on the list already."""
    said = catalogue.said(answers.text("problem"))
    others = (each for each in saying.active(context.of_type("Condition")) if each != context.about)
    if any(catalogue.same(each.resource.get("code"), said) for each in others):
        yield Doubt("problem", C_("This problem is on the list already. Add it once more?"), answers.text("problem"))


def span_of(answers: Answers) -> str:
    """What was chosen, or what the list says of such problems."""
    known = catalogue.find(answers.text("problem"))
    return answers.text("span") or (LASTING if known is not None and known.lasting else NOW)


def write(answers: Answers, context: Context) -> list[Write]:
    """The Condition."""
    since = answers.date("since")
    body = {
        "clinicalStatus": saying.term("condition-clinical", "active"),
        "verificationStatus": saying.term("condition-ver-status", answers.text("sure")),
        "category": [saying.term("condition-category", span_of(answers))],
        "code": catalogue.said(answers.text("problem")),
        "subject": context.subject,
        **saying.visit_of_today(context),
        "onsetDateTime": since.text if since else None,
        "recordedDate": context.moment,
        "recorder": saying.by(context),
        "note": saying.note(context, answers.text("note")),
    }
    return [create("Condition", context.new_id(), body)]


# --- changing one -----------------------------------------------------------------------------------------------------


def _about(context: Context) -> Held:
    return saying.is_about(context, "Condition")


def change_form(context: Context) -> Form:
    """The same questions about a problem that is on the list. Raises NotFound when it is none of hers."""
    _about(context)
    return _form(context, C_("Change a problem"))


def start_change(context: Context) -> Standing:
    """What it says now. A problem of which nothing is said stands there as sure; one that is called otherwise has to be asked about."""
    resource = _about(context).resource
    status = resource.get("verificationStatus")
    onset = resource.get("onsetDateTime")
    categories = resource.get("category") or [{}]
    started: dict[str, str | tuple[str, ...]] = {
        "problem": record.said(resource.get("code")),
        "sure": _one_of(coded(status), CERTAINTIES) if status else "confirmed",
        "span": _one_of(coded(categories[0]), SPANS),
    }
    return {**started, **(date_parts("since", Dated(str(onset)[:10])) if onset else {})}


def _one_of(value: str, choices: Iterable[Choice]) -> str:
    return value if value in {choice.value for choice in choices} else ""


def change(answers: Answers, context: Context) -> list[Write]:
    """The Condition with what was changed. What nobody touched stays as other programs wrote it."""
    held, before = _about(context), start_change(context)
    resource = held.resource
    since = answers.date("since")
    same_name = answers.text("problem") == before["problem"]
    same_sure = answers.text("sure") == before["sure"]
    same_span = answers.text("span") == before["span"]
    same_day = (since.text if since else "") == str(resource.get("onsetDateTime") or "")[:10]
    # FHIR has one onset: a day that was given takes the place of an age or a period.
    others = {name: None for name in resource if name.startswith("onset")}
    members = {
        "code": resource.get("code") if same_name else catalogue.said(answers.text("problem")),
        "verificationStatus": (
            resource.get("verificationStatus")
            if same_sure
            else saying.term("condition-ver-status", answers.text("sure"))
        ),
        "category": resource.get("category") if same_span else [saying.term("condition-category", span_of(answers))],
        **({} if same_day else {**others, "onsetDateTime": since.text if since else None}),
        "note": [*(resource.get("note") or []), *saying.note(context, answers.text("note"))],
    }
    return [changed(held, **members)]


# --- closing one ------------------------------------------------------------------------------------------------------


def close_form(context: Context) -> Form:
    """How and when a problem ended."""
    held = _about(context)
    fields = (
        Field(name="end", label=C_("How did it end?"), kind=Kind.CHOICE, choices=ENDS, required=True),
        Field(
            name="on",
            label=N_("Since when?"),
            kind=Kind.DATE,
            partial=True,
            required=True,
            possible_days=Span(None, context.today),
        ),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=2000),
    )
    title = C_("Close a problem: %(problem)s").of(problem=record.said(held.resource.get("code")))
    return Form(title=title, sections=(Section(title=C_("The end"), fields=fields),), send=C_("Close the problem"))


def close(answers: Answers, context: Context) -> list[Write]:
    """The Condition ended, or found untrue. FHIR's con-4: what has an end is not active."""
    held, end, on = _about(context), answers.text("end"), answers.date("on")
    refuted = end == "refuted"
    others = {name: None for name in held.resource if name.startswith("abatement")}
    members: dict[str, Any] = {
        **others,
        "clinicalStatus": saying.term("condition-clinical", "inactive" if refuted else end),
        "abatementDateTime": on.text if on is not None and not refuted else None,
        "note": [*(held.resource.get("note") or []), *saying.note(context, answers.text("note"))],
    }
    if refuted:
        members["verificationStatus"] = saying.term("condition-ver-status", "refuted")
    return [changed(held, **members)]


PROBLEM: Final = Sheet(
    name="problem",
    path="/patients/{id_}/problems/new",
    form=form,
    start=lambda context: {"sure": "confirmed"},
    write=write,
    news=lambda answers, context: _("The problem is saved."),
    types=("Condition",),
)
CHANGE_PROBLEM: Final = Sheet(
    name="change-problem",
    path="/patients/{id_}/problems/change",
    form=change_form,
    start=start_change,
    write=change,
    edits=lambda context: (_about(context).reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=("Condition",),
)
CLOSE_PROBLEM: Final = Sheet(
    name="close-problem",
    path="/patients/{id_}/problems/close",
    form=close_form,
    start=lambda context: date_parts("on", Dated(context.today.isoformat())),
    write=close,
    edits=lambda context: (_about(context).reference,),
    news=lambda answers, context: _("The problem is closed."),
    types=("Condition",),
)
