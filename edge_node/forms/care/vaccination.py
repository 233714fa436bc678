"""Vaccines that were given: what is due is proposed first, what comes too early is asked about.

The schedules are those of `edge_node/immunisation`: a child's, which the clinic's programme names, and tetanus for a woman who is
or may become pregnant.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.concepts import codeable
from edge_node.forms.answers import Answers, Dated
from edge_node.forms.care import saying
from edge_node.forms.context import Context, Sheet, create
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section, Span, when
from edge_node.forms.maternal.choices import words
from edge_node.forms.parsing import Doubt, Problem
from edge_node.immunisation.due import Due, stand
from edge_node.immunisation.facts import Facts, Given
from edge_node.immunisation.record import read
from edge_node.immunisation.schedule import load
from edge_node.immunisation.vaccines import VACCINES
from edge_node.immunisation.visits import Visit, next_visit
from edge_node.language import C_, N_, Text, _
from edge_node.programme import Programme
from edge_node.store.model import Write

CHILD_YEARS: Final = 18
NOT_COUNTED: Final = MappingProxyType(
    {
        "weak": C_("it was less than a full dose"),
        "after-live": C_("it comes too soon after another live vaccine: at least 28 days are needed"),
        "too-soon": C_("it comes too soon after the one before"),
        "too-young": C_("it comes too early for this age"),
        "incomplete": C_("it does not hold all that is needed"),
        "not-needed": C_("it is not needed any more"),
        "too-old": C_("it comes too late for this age"),
    }
)
"""`edge_node.immunisation.history.REASONS` in words."""
REFUSALS: Final = (
    Choice("refused", C_("Not wanted")),
    Choice("ill", C_("Too ill today")),
    Choice("stock", C_("None in stock")),
    Choice("other", C_("Another reason")),
)
SITES: Final = (
    Choice("LA", C_("Left arm")),
    Choice("RA", C_("Right arm")),
    Choice("LT", C_("Left thigh")),
    Choice("RT", C_("Right thigh")),
)
"""Values are codes of HL7 v3 ActSite."""
_NUMBERS_MAX: Final = 8


def facts_of(context: Context) -> Facts:
    """What is known of her vaccinations."""
    return read(context.she.resource, [held.resource for held in context.records]).facts


def is_child(context: Context) -> bool:
    """Whether the schedule of children says something of her: not of who is grown up, or whose birth date is not known."""
    days = saying.age_days(context)
    return days is not None and days < CHILD_YEARS * 365.25


def visit_of_today(context: Context) -> Visit | None:
    """What may be given today; None when nothing may."""
    if not is_child(context):
        return None
    visit = next_visit(stand(load(context.programme.vaccines), facts_of(context)).due, context.today)
    return visit if visit is not None and visit.day <= context.today else None


def proposed(context: Context) -> tuple[str, ...]:
    """The vaccines to give today, each once."""
    visit = visit_of_today(context)
    return visit.vaccines if visit is not None else ()


def form(context: Context) -> Form:
    """The vaccines that are due, then any other; the day; lot numbers; what was not given."""
    visit = visit_of_today(context)
    due = visit.vaccines if visit is not None else ()
    items = visit.items if visit is not None else ()
    more = _chosen("more", C_("Other vaccines given"), [name for name in VACCINES if name not in due])
    given = (_chosen("due", C_("Due today"), due, items, context.today),) if due else ()
    others = (
        _chosen("not_given", C_("Due, and not given"), due),
        Field(
            name="why", label=C_("Why not?"), kind=Kind.CHOICE, choices=REFUSALS, required=True, when=when("not_given")
        ),
    )
    return Form(
        title=C_("Vaccines given"),
        sections=(
            *((Section(title=C_("Vaccines"), fields=given),) if due else ()),
            Section(title=C_("Other vaccines"), fields=(more,), folded=bool(due)),
            Section(title=N_("When and how"), fields=tuple(_how(context, due))),
            *((Section(title=C_("Not given"), fields=others, folded=True),) if due else ()),
        ),
        checks=(lambda answers: check(answers, context),),
    )


def _chosen(
    name: str, label: Text, vaccines: Iterable[str], items: tuple[Due, ...] = (), today: date = date.min
) -> Field:
    """A choice of vaccines; those of doses that are overdue say so."""
    late = {one for item in items if item.state(today) == "overdue" for one in item.give}
    choices = tuple(
        Choice(one, words(VACCINES[one].concept), hint=C_("overdue") if one in late else None) for one in vaccines
    )
    return Field(name=name, label=label, kind=Kind.CHOICES, choices=choices)


def _how(context: Context, due: tuple[str, ...]) -> Iterator[Field]:
    yield Field(
        name="on",
        label=N_("Given on"),
        hint=N_("Of a vaccine on the child's card, the day that stands there."),
        kind=Kind.DATE,
        partial=True,
        required=True,
        possible_days=Span(saying.born_from(context), context.today),
    )
    yield Field(
        name="here",
        label=C_("Given here?"),
        kind=Kind.CHOICE,
        choices=(Choice(YES, C_("Yes, here")), Choice(NO, C_("No, it stands on a card or was told"))),
        required=True,
    )
    for name in due[:_NUMBERS_MAX]:
        label = C_("Lot number of %(vaccine)s").of(vaccine=words(VACCINES[name].concept))
        yield Field(name=_lot(name), label=label, when=when("due", name), chars_max=40)
    yield Field(name="lot", label=C_("Lot number of the others"), when=when("more"), chars_max=40)
    yield Field(name="site", label=C_("Where on the body?"), kind=Kind.CHOICE, choices=SITES, when=when("here", YES))


def _lot(vaccine: str) -> str:
    return f"lot_{vaccine.replace('-', '_')}"


def given_in(answers: Answers) -> tuple[str, ...]:
    """The vaccines that were ticked."""
    return (*answers.chosen("due"), *answers.chosen("more"))


def check(answers: Answers, context: Context) -> Iterator[Problem | Doubt]:
    """Nothing ticked; ticked as given and as not given; given before; too early, or for nothing else of use."""
    names = given_in(answers)
    due = proposed(context)
    if not names and not answers.chosen("not_given"):
        yield Problem("due" if due else "more", N_("Choose at least one of these."))
    if set(names) & set(answers.chosen("not_given")):
        yield Problem("not_given", C_("This vaccine is ticked as given, too."))
    dated = answers.date("on")
    if dated is not None:
        yield from _uncounted(names, dated, due, context)


def _uncounted(names: tuple[str, ...], dated: Dated, due: tuple[str, ...], context: Context) -> Iterator[Doubt]:
    facts = facts_of(context)
    day = dated.last
    reasons = not_counted(names, day, facts, context.programme) if is_child(context) else {}
    for name in names:
        field = "due" if name in due else "more"
        said = words(VACCINES[name].concept)
        if any(one.vaccine == name and one.day == day for one in facts.given):
            text = C_("%(vaccine)s of this day is on record already. Add it once more?")
            yield Doubt(field, text.of(vaccine=said), f"{name} {dated.text} twice")
            continue
        reason = reasons.get(name)
        if reason is not None:
            text = C_("%(vaccine)s will not count: %(why)s. Was it given so?")
            yield Doubt(field, text.of(vaccine=said, why=NOT_COUNTED[reason]), f"{name} {dated.text} {reason}")


def not_counted(names: tuple[str, ...], day: date, facts: Facts, programme: Programme) -> Mapping[str, str]:
    """Those vaccines which, given on this day, would count for nothing in the child's schedule → why."""
    given = (*facts.given, *(Given(name, day) for name in names))
    after = stand(load(programme.vaccines), msgspec.structs.replace(facts, given=given))
    return {one.vaccine: one.reason for one in reversed(after.uncounted) if one.vaccine in names and one.day == day}


def write(answers: Answers, context: Context) -> list[Write]:
    """An Immunization for each vaccine; those not given are said too, with the reason."""
    dated = answers.date("on")
    today = dated is None or dated.text == context.today.isoformat()
    at = saying.moment_of(context, dated)
    here = answers.yes("here") is True
    site = answers.text("site")
    found = []
    for name in given_in(answers):
        lot = answers.text(_lot(name)) if name in answers.chosen("due") else answers.text("lot")
        body = {
            "status": "completed",
            "vaccineCode": codeable(VACCINES[name].concept),
            "patient": context.subject,
            **(saying.visit_of_today(context) if today and here else {}),
            "occurrenceDateTime": at,
            "recorded": context.moment,
            "primarySource": here,
            "reportOrigin": {} if here else saying.term("immunization-origin", "record"),
            "lotNumber": lot,
            "site": saying.term("v3-ActSite", site, _label(site)) if site else {},
            "performer": [{"actor": saying.by(context)}] if here else [],
        }
        found.append(create("Immunization", context.new_id(), body))
    return [*found, *(_refusal(name, answers, context) for name in answers.chosen("not_given"))]


def _label(site: str) -> str:
    return next(choice.label.message for choice in SITES if choice.value == site)


def _refusal(name: str, answers: Answers, context: Context) -> Write:
    why = next(choice.label.message for choice in REFUSALS if choice.value == answers.text("why"))
    body = {
        "status": "not-done",
        "statusReason": {"text": why},
        "vaccineCode": codeable(VACCINES[name].concept),
        "patient": context.subject,
        **saying.visit_of_today(context),
        "occurrenceDateTime": context.moment,
        "recorded": context.moment,
        "primarySource": True,
    }
    return create("Immunization", context.new_id(), body)


VACCINATION: Final = Sheet(
    name="vaccination",
    path="/patients/{id_}/vaccinations/new",
    form=form,
    start=lambda context: {
        "here": YES,
        "on.year": str(context.today.year),
        "on.month": str(context.today.month),
        "on.day": str(context.today.day),
    },
    write=write,
    news=lambda answers, context: _("The vaccines are saved."),
    types=("Immunization",),
)
