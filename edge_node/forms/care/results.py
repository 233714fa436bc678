"""Results of tests: each an Observation; several of one time also a DiagnosticReport that holds them together."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from edge_node.concepts import LOINC, SPOKEN_UNITS, codeable, quantity
from edge_node.forms.answers import Answers
from edge_node.forms.care import saying
from edge_node.forms.care.laboratory import GLUCOSES, OF_HIV, OF_WOMEN, TESTS, Test, mmol_of
from edge_node.forms.context import Context, Sheet, create
from edge_node.forms.fields import Choice, Field, Form, Kind, Range, Section, Span, between, when
from edge_node.forms.maternal.choices import words
from edge_node.forms.parsing import Doubt
from edge_node.forms.reading import Amount
from edge_node.language import C_, N_, Text, _
from edge_node.store.model import Write

REPORT: Final = {"coding": [{"system": LOINC, "code": "11502-2"}], "text": "Laboratory report"}
_UNITS: Final = {"10*9/L": "× 10⁹/l", "umol/L": "µmol/l", "/uL": "per µl", "{copies}/mL": "copies per ml"}
MMOL, MG = "mmol/L", "mg/dL"


def form(context: Context) -> Form:
    """Which tests, then the result of each."""
    offered = _offered(context)
    chosen = Field(
        name="tests",
        label=C_("Which tests were done?"),
        kind=Kind.CHOICES,
        choices=tuple(Choice(test.name, test.text) for test in offered),
        required=True,
    )
    about = (
        Field(
            name="on",
            label=N_("Day of the test"),
            kind=Kind.DATE,
            required=True,
            possible_days=Span(None, context.today),
        ),
        Field(name="note", label=N_("Remark"), kind=Kind.LONG, chars_max=2000),
    )
    return Form(
        title=C_("Test results"),
        sections=(
            Section(title=C_("Tests"), fields=(chosen,)),
            Section(title=C_("Results"), fields=tuple(_results(offered))),
            Section(title=N_("When"), fields=about),
        ),
        checks=(_sugar,),
    )


def _offered(context: Context) -> tuple[Test, ...]:
    """The tests that may concern her."""
    man = context.she.resource.get("gender") == "male"
    has_hiv = any(_says_hiv(held.resource) for held in saying.active(context.of_type("Condition")))
    left_out = (OF_WOMEN if man else frozenset()) | (frozenset() if has_hiv else OF_HIV)
    return tuple(test for test in TESTS if test.name not in left_out)


def _says_hiv(condition: Any) -> bool:
    codings = (condition.get("code") or {}).get("coding") or []
    return any(str(one.get("code", "")).startswith(("B20", "B21", "B22", "B23", "B24")) for one in codings) or any(
        one.get("code") == "86406008" for one in codings
    )


def _results(tests: tuple[Test, ...]) -> Iterator[Field]:
    for test in tests:
        yield _result(test)
        if test.name in GLUCOSES:
            yield Field(
                name=f"{test.field}_unit",
                label=C_("In which unit?"),
                kind=Kind.CHOICE,
                choices=(Choice(MMOL, N_("mmol/l")), Choice(MG, N_("mg/dl"))),
                required=True,
                when=when("tests", test.name),
            )


def _result(test: Test) -> Field:
    label, asked = test.text, when("tests", test.name)
    if test.values:
        choices = tuple(Choice(name, words(one)) for name, one in test.values.items())
        return Field(name=test.field, label=label, kind=Kind.CHOICE, choices=choices, required=True, when=asked)
    unit = test.concept.unit
    sugar = test.name in GLUCOSES
    return Field(
        name=test.field,
        label=label,
        kind=Kind.DECIMAL,
        unit="" if sugar else _UNITS.get(unit, SPOKEN_UNITS.get(unit, unit)),
        possible=between("0.5", "1100") if sugar else _between(test.possible),
        plausible=None if sugar else _between(test.plausible),
        required=True,
        when=asked,
    )


def _between(bounds: tuple[str, str] | None) -> Range | None:
    return between(*bounds) if bounds is not None else None


def _sugar(answers: Answers) -> Iterator[Doubt]:
    """A sugar that is unlikely in the unit that was chosen: 110 mmol/l was 110 mg/dl."""
    for test in TESTS:
        value = answers.number(test.field) if test.name in GLUCOSES else None
        plausible = _between(test.plausible)
        if value is None or plausible is None:
            continue
        unit = answers.text(f"{test.field}_unit")
        if not plausible.holds(mmol_of(value) if unit == MG else value):
            text = C_("Is %(value)s %(unit)s right?")
            yield Doubt(test.field, text.of(value=Amount(str(value)), unit=unit.replace("L", "l")), f"{value} {unit}")


def write(answers: Answers, context: Context) -> list[Write]:
    """An Observation for each test, and a report where there are several."""
    at = saying.moment_of(context, answers.date("on"))
    visit = saying.visit_of_today(context) if at == context.moment else {}
    tests = [test for test in TESTS if test.name in answers.chosen("tests")]
    remark = answers.text("note")
    alone = saying.note(context, remark) if len(tests) == 1 else []
    found = [_observation(test, answers, context, at, {**visit, "note": alone}) for test in tests]
    if len(found) < 2:
        return found
    report = {
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": REPORT,
        "subject": context.subject,
        "effectiveDateTime": at,
        "issued": context.moment,
        "performer": [saying.by(context)],
        **visit,
        "result": [{"reference": f"Observation/{one.id}"} for one in found],
        "conclusion": remark,
    }
    return [*found, create("DiagnosticReport", context.new_id(), report)]


def _observation(test: Test, answers: Answers, context: Context, at: str, members: dict[str, Any]) -> Write:
    if test.values:
        result = answers.text(test.field)
        said: dict[str, Any] = {"valueCodeableConcept": codeable(test.values[result])}
        if test.abnormal:
            said["interpretation"] = [_interpretation("POS" if result in test.abnormal else "NEG", result)]
    else:
        value = answers.number(test.field) or Decimal(0)
        mg = answers.text(f"{test.field}_unit") == MG if test.name in GLUCOSES else False
        said = {"valueQuantity": quantity(mmol_of(value) if mg else value, test.concept)}
        if mg:
            members = {**members, "note": [*members["note"], *saying.note(context, f"Read as {value} mg/dl")]}
    return saying.observation(context, test.concept, "laboratory", at, members, **said)


def _interpretation(code: str, result: str) -> dict[str, Any]:
    return saying.term("v3-ObservationInterpretation", "IND" if result == "inconclusive" else code)


def news(answers: Answers, context: Context) -> str:
    """What was found, again: so that a slip is seen at once."""
    told = [_told(test, answers) for test in TESTS if test.name in answers.chosen("tests")]
    return _("Saved: %(results)s.", results="; ".join(told))


def _told(test: Test, answers: Answers) -> str:
    if test.values:
        return f"{test.text}: {words(test.values[answers.text(test.field)])}"
    unit = answers.text(f"{test.field}_unit").replace("L", "l") if test.name in GLUCOSES else _spoken(test)
    return f"{test.text}: {Amount(str(answers.number(test.field)), unit)}"


def _spoken(test: Test) -> str | Text:
    return _UNITS.get(test.concept.unit, SPOKEN_UNITS.get(test.concept.unit, test.concept.unit))


RESULT: Final = Sheet(
    name="result",
    path="/patients/{id_}/results/new",
    form=form,
    start=lambda context: {"on": context.today.isoformat()},
    write=write,
    news=news,
    types=("Observation", "DiagnosticReport"),
)
