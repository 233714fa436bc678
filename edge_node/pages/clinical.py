"""Lines of what concerns a patient's health: dangers, problems, medicines, vaccines, visits, results, procedures."""

from edge_node.concepts import VITAL_SIGNS, says
from edge_node.language import _, clinical
from edge_node.pages import codes, dates, lines, words
from edge_node.pages.dosage import dosages
from edge_node.pages.elements import chosen
from edge_node.pages.lines import Line
from edge_node.pages.words import Naming, Object, code_of, concept, first, joined, objects, reference, text, texts

# --- dangers and problems ---------------------------------------------------------------------------------------------


def allergy(resource: Object, naming: Naming) -> Line:
    state, over, _wrong = lines.status(resource, "clinicalStatus")
    certainty, _over, wrong = lines.status(resource, "verificationStatus")
    when, sort = lines.when(resource, "recordedDate", "onsetDateTime")
    severe = text(resource.get("criticality")) == "high"
    reactions = tuple(_reaction(entry) for entry in objects(resource.get("reaction")))
    since = chosen(resource, "onset", naming)
    about = [*filter(None, reactions), _("since %(date)s", date=since) if since else "", *lines.notes(resource)]
    denies = code_of(resource.get("code")) in codes.NONE_KNOWN
    named = text(first(first(resource.get("code")).get("coding")).get("display")) if denies else ""
    return Line(
        what=lines.named(words.plainly(named) or concept(resource.get("code")), _("allergy")),
        when=_("recorded %(date)s", date=when) if when else "",
        sort=sort,
        value=clinical("high risk") if severe else "",
        notes=tuple(filter(None, about)),
        state=joined([lines.unless(state, "active"), lines.unless(certainty, "confirmed")]),
        over=over or wrong,
        wrong=wrong,
        danger=not over and not wrong and not denies,
        denies=denies and not over and not wrong,
        tone="high" if severe else "",
        category=joined(codes.state(entry) for entry in texts(resource.get("category"))),
    )


def _reaction(entry: Object) -> str:
    severity = codes.state(entry.get("severity"))
    return joined([concept(entry.get("manifestation")) or text(entry.get("description")), severity])


def warning(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "period", "identifiedDateTime", "identifiedPeriod")
    about = [text(resource.get("detail")), codes.state(resource.get("severity")), *lines.notes(resource)]
    return Line(
        what=lines.named(concept(resource.get("code")), _("warning")),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=state if over else "",
        over=over,
        wrong=wrong,
        danger=not over,
        category=concept(resource.get("category")),
    )


def condition(resource: Object, naming: Naming) -> Line:
    state, over, _wrong = lines.status(resource, "clinicalStatus")
    certainty, _over, wrong = lines.status(resource, "verificationStatus")
    began, sort = lines.when(
        resource, "onsetDateTime", "onsetPeriod", "onsetAge", "onsetRange", "onsetString", "recordedDate"
    )
    if began and ("onsetAge" in resource or "onsetRange" in resource):
        began = _("the age of %(age)s", age=began)
    ended, _sort = lines.when(resource, "abatementDateTime", "abatementPeriod", "abatementString", "abatementAge")
    about = [concept(resource.get("severity")), concept(resource.get("bodySite")), *lines.notes(resource)]
    return Line(
        what=lines.named(concept(resource.get("code")), _("problem")),
        when=_span(began, ended),
        sort=sort,
        notes=tuple(filter(None, about)),
        state=joined([lines.unless(state, "active"), lines.unless(certainty, "confirmed")]),
        over=over or bool(ended) or wrong,
        wrong=wrong,
    )


def _span(began: str, ended: str) -> str:
    if ended:
        return _("%(start)s to %(end)s", start=began, end=ended) if began else _("until %(date)s", date=ended)
    return _("since %(date)s", date=began) if began else ""


# --- medicines and vaccines -------------------------------------------------------------------------------------------


def _medicine_name(resource: Object, naming: Naming) -> str:
    inside = {f"#{text(one.get('id'))}": one for one in objects(resource.get("contained"))}
    target = first(resource.get("medicationReference"))
    held = inside.get(text(target.get("reference")), {})
    named = concept(resource.get("medicationCodeableConcept")) or concept(held.get("code"))
    return lines.named(named or reference(target, naming), _("medicine"))


def _medicine_said(resource: Object, naming: Naming) -> str:
    name = _medicine_name(resource, naming)
    return clinical("Do not give: %(medicine)s", medicine=name) if resource.get("doNotPerform") is True else name


def medicine(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(
        resource, "authoredOn", "effectivePeriod", "effectiveDateTime", "dateAsserted", "whenHandedOver"
    )
    doses = first(resource.get("dosage")) if "dosageInstruction" not in resource else {}
    how = dosages(resource.get("dosageInstruction")) or dosages(resource.get("dosage"))
    reason = concept(resource.get("reasonCode")) or joined(
        reference(r, naming) for r in objects(resource.get("reasonReference"))
    )
    about = [
        _("for %(reason)s", reason=reason) if reason else "",
        concept(resource.get("statusReason")),
        *lines.notes(resource),
    ]
    return Line(
        what=_medicine_said(resource, naming),
        when=when,
        sort=sort,
        value=how or words.quantity(doses.get("dose")),
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "active"),
        over=over,
        wrong=wrong,
        danger=resource.get("doNotPerform") is True and not over,
    )


def vaccination(resource: Object, naming: Naming) -> Line:
    state, _over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "occurrenceDateTime", "occurrenceString", "recorded")
    doses = [_dose(entry) for entry in objects(resource.get("protocolApplied"))]
    lot = text(resource.get("lotNumber"))
    reactions = [clinical("a reaction was recorded")] if objects(resource.get("reaction")) else []
    about = [
        concept(resource.get("statusReason")),
        concept(resource.get("site")),
        _("lot %(number)s", number=lot) if lot else "",
        *reactions,
    ]
    return Line(
        what=lines.named(concept(resource.get("vaccineCode")), _("vaccine")),
        when=when,
        sort=sort,
        value=joined(doses),
        notes=tuple(filter(None, [*about, *lines.notes(resource)])),
        state=lines.unless(state, "completed"),
        wrong=wrong,
        tone="odd" if text(resource.get("status")) == "not-done" else "",
    )


def _dose(entry: Object) -> str:
    number = text(entry.get("doseNumberPositiveInt")) or text(entry.get("doseNumberString"))
    series = text(entry.get("seriesDosesPositiveInt")) or text(entry.get("seriesDosesString"))
    if number and series:
        return _("dose %(number)s of %(series)s", number=number, series=series)
    return _("dose %(number)s", number=number) if number else ""


# --- visits, results, procedures --------------------------------------------------------------------------------------


def visit(resource: Object, naming: Naming) -> Line:
    state, _over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "period")
    span = first(resource.get("period"))
    if dates.day(span.get("start")) == dates.day(span.get("end")) or not span.get("end"):
        when = dates.day(span.get("start"))
    class_ = first(resource.get("class"))
    sort_of = codes.VISIT_CLASSES.get(text(class_.get("code"))) or text(class_.get("display"))
    sort_of = str(sort_of)
    reason = concept(resource.get("reasonCode")) or joined(
        reference(r, naming) for r in objects(resource.get("reasonReference"))
    )
    place = joined(reference(entry.get("location"), naming) for entry in objects(resource.get("location")))
    about = [
        _("for %(reason)s", reason=reason) if reason else "",
        place or reference(resource.get("serviceProvider"), naming),
    ]
    return Line(
        what=concept(resource.get("type")) or (sort_of[:1].upper() + sort_of[1:]) or _("Visit"),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "finished", "completed"),
        wrong=wrong,
        category=sort_of,
    )


def result(resource: Object, naming: Naming) -> Line:
    state, over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")
    value = chosen(resource, "value", naming) or _missing(resource)
    parts = tuple(
        (concept(entry.get("code")), words.nearly(chosen(entry, "value", naming) or _missing(entry)))
        for entry in sorted(objects(resource.get("component")), key=_is_lower)
    )
    tone, tone_words = _tone(resource)
    if tone_words.casefold() == value.casefold():
        tone_words = ""  # "Positive: positive" says it once too often
    normal = joined(words.references_range(entry) for entry in objects(resource.get("referenceRange")))
    about = [
        concept(resource.get("bodySite")),
        _("normal: %(range)s", range=normal) if normal else "",
        *lines.notes(resource),
    ]
    return Line(
        what=lines.named(concept(resource.get("code")), _("result")),
        when=when,
        sort=sort,
        value=words.nearly(value),
        exact=value if words.nearly(value) != value else "",
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "final", "amended", "corrected"),
        over=over,
        wrong=wrong,
        tone=tone,
        tone_words=tone_words,
        parts=parts,
        category=code_of(resource.get("category")),
    )


def _is_lower(component: Object) -> bool:
    """Whether it is the lower blood pressure, which is said after the upper one whatever their order in the record."""
    return says(component.get("code"), VITAL_SIGNS["diastolic"])


def _missing(entry: Object) -> str:
    reason = concept(entry.get("dataAbsentReason"))
    return _("no value: %(reason)s", reason=reason) if reason else ""


def _tone(resource: Object) -> tuple[str, str]:
    """How a result is to be taken, from its interpretation; nothing is reckoned here."""
    value = resource.get("interpretation")
    code = code_of(value)
    said = concept(value)
    bare = said in (code, codes.state(code)) or said.startswith(words.unnamed())
    shown = str(codes.INTERPRETATIONS.get(code, said)) if bare else said
    if code in codes.HIGH:
        return "high", shown
    if code in codes.LOW:
        return "low", shown
    return ("odd" if code in codes.ABNORMAL else ""), shown


def report(resource: Object, naming: Naming) -> Line:
    state, _over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "effectiveDateTime", "effectivePeriod", "issued")
    results = len(objects(resource.get("result")))
    held = f"{codes.counted('Observation', results)}" if results else ""
    files = joined(text(entry.get("title")) for entry in objects(resource.get("presentedForm")))
    conclusion = text(resource.get("conclusion")) or concept(resource.get("conclusionCode"))
    return Line(
        what=lines.named(concept(resource.get("code")), _("report")),
        when=when,
        sort=sort,
        value=conclusion,
        notes=tuple(filter(None, [held, files])),
        state=lines.unless(state, "final"),
        wrong=wrong,
    )


def procedure(resource: Object, naming: Naming) -> Line:
    state, _over, wrong = lines.status(resource)
    when, sort = lines.when(resource, "performedDateTime", "performedPeriod", "performedString", "performedAge")
    performed = resource.get("performedPeriod")
    if isinstance(performed, dict):
        when = _short(performed)
    reason = concept(resource.get("reasonCode")) or joined(
        reference(r, naming) for r in objects(resource.get("reasonReference"))
    )
    about = [
        _("for %(reason)s", reason=reason) if reason else "",
        concept(resource.get("bodySite")),
        concept(resource.get("outcome")),
        *lines.notes(resource),
    ]
    return Line(
        what=lines.named(concept(resource.get("code")), _("procedure")),
        when=when,
        sort=sort,
        notes=tuple(filter(None, about)),
        state=lines.unless(state, "completed"),
        wrong=wrong,
    )


def _short(span: Object) -> str:
    """A period of a day or two by its first day: procedures that run past midnight."""
    start, end = dates.order(span.get("start")), dates.order(span.get("end"))
    return dates.day(start) if start and end[:7] == start[:7] else dates.period(span)
