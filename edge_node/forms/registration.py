"""Registering a person, and changing who she is.

Source of the fields: WHO digital adaptation kit for antenatal care, Web Annex A, core data dictionary, "ANC.A. Registration" (names,
date of birth or age, address, telephone, reminders, alternative contact); national number, photo, sex and mother are the clinic's.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from edge_node.forms import pictures
from edge_node.forms.answers import Answers, Dated, Person
from edge_node.forms.consents import reminder_consent
from edge_node.forms.context import Context, Sheet, changed, create, without_empty
from edge_node.forms.fields import NO, YES, Choice, Field, Form, Kind, Section, Span, when
from edge_node.forms.reading import plain_phone
from edge_node.forms.showing import date_parts
from edge_node.language import N_, _
from edge_node.store.model import Write
from sync_protocol.matching.numbers import SYSTEM as NUMBER_SYSTEM

NATIONAL_SYSTEM: Final = "urn:medtech-edge:national-number"
"""`Identifier.system` of the number on an identity card: which country's is not asked."""
PATIENT_SYSTEM: Final = "urn:medtech-edge:patient"
"""`RelatedPerson.identifier`: the id of the Patient who this relative is. R4 has no other way to say so."""
ACCURACY: Final = "http://hl7.org.au/fhir/StructureDefinition/date-accuracy-indicator"
"""How well each part of a date is known, as three letters for day, month, year: A accurate, E estimated, U unknown. Source: HL7 AU Base,
extension date-accuracy-indicator; R4 itself has none."""
_ACCURACY_CODES: Final = "https://healthterminologies.gov.au/fhir/CodeSystem/date-accuracy-indicator-1"
_ROLES: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
_IDENTIFIERS: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"

SEXES: Final = (
    Choice("female", N_("Female")),
    Choice("male", N_("Male")),
    Choice("other", N_("Other")),
    Choice("unknown", N_("Not known")),
)
RELATIONS: Final = (
    Choice("HUSB", N_("Husband")),
    Choice("WIFE", N_("Wife")),
    Choice("DOMPART", N_("Partner")),
    Choice("MTH", N_("Mother")),
    Choice("FTH", N_("Father")),
    Choice("SIS", N_("Sister")),
    Choice("BRO", N_("Brother")),
    Choice("FAMMEMB", N_("Other relative")),
    Choice("NBOR", N_("Neighbour")),
    Choice("FRND", N_("Friend")),
)
"""Values are codes of HL7 v3 RoleCode."""


def form(context: Context) -> Form:
    """What is asked when somebody is registered."""
    return Form(
        title=N_("Register a new patient"),
        sections=(_who(context), _reached(), _kin(), _more(mother=True)),
        send=N_("Register"),
    )


def edit_form(context: Context) -> Form:
    """The same of somebody who is registered; consent and mother have records of their own."""
    return Form(
        title=N_("Change personal details"),
        sections=(_who(context), _reached(consent=False), _kin(folded=False), _more(mother=False)),
        send=N_("Save the changes"),
    )


def _who(context: Context) -> Section:
    return Section(
        title=N_("Who is it?"),
        fields=(
            Field(name="given", label=N_("Given names"), required=True, chars_max=100),
            Field(name="family", label=N_("Family name"), hint=N_("Leave it empty if there is none."), chars_max=100),
            Field(name="sex", label=N_("Sex"), kind=Kind.CHOICE, choices=SEXES, required=True),
            Field(
                name="birth",
                label=N_("Date of birth"),
                kind=Kind.DATE,
                hint=N_("The year alone is enough. If it is not known, give the age."),
                required=True,
                partial=True,
                estimable=True,
                by_age=True,
                possible_days=Span(context.today.replace(year=context.today.year - 130, day=1), context.today),
                plausible_days=Span(context.today.replace(year=context.today.year - 100, day=1), context.today),
            ),
        ),
    )


def _reached(*, consent: bool = True) -> Section:
    reminders = Field(
        name="reminders",
        label=N_("May the clinic send reminders to this number?"),
        hint=N_("They name a day and this clinic, and never say what the visit is for."),
        kind=Kind.CHOICE,
        choices=(Choice(YES, N_("Yes")), Choice(NO, N_("No"))),
        when=when("phone"),
    )
    return Section(
        title=N_("How to reach them"),
        fields=(
            Field(name="village", label=N_("Village or town"), kind=Kind.LISTED, listed="villages", chars_max=100),
            Field(name="phone", label=N_("Telephone"), kind=Kind.PHONE),
            *((reminders,) if consent else ()),
        ),
    )


def _kin(*, folded: bool = True) -> Section:
    return Section(
        title=N_("Next of kin"),
        folded=folded,
        fields=(
            Field(name="kin_name", label=N_("Name of the next of kin"), chars_max=100),
            Field(
                name="kin_relation",
                label=N_("Who is that to the patient?"),
                kind=Kind.CHOICE,
                choices=RELATIONS,
                when=when("kin_name"),
            ),
            Field(name="kin_phone", label=N_("Telephone of the next of kin"), kind=Kind.PHONE, when=when("kin_name")),
        ),
    )


def _more(*, mother: bool) -> Section:
    asked = Field(
        name="mother",
        label=N_("Mother, of a child"),
        kind=Kind.PERSON,
        hint=N_("Her name, if she is registered here."),
    )
    photo_hint = N_("Helps to know people of the same name apart.")
    return Section(
        title=N_("Number, mother, photo") if mother else N_("Number and photo"),
        folded=True,
        fields=(
            Field(name="national", label=N_("National identity number"), chars_max=40),
            *((asked,) if mother else ()),
            Field(name="photo", label=N_("Photo"), kind=Kind.PHOTO, hint=photo_hint, accept="image/*"),
        ),
    )


# --- registering ------------------------------------------------------------------------------------------------------


def register(answers: Answers, context: Context) -> list[Write]:
    """The patient with her card's number, and what else was said: consent to reminders, the mother, a photo."""
    patient = context.new_id()
    number = card_number(context.new_number())
    photo, pictured = _photo(answers, context, patient)
    body = {
        "active": True,
        "identifier": [number, *_national(answers)],
        "name": [_name(answers)],
        "telecom": _telecom(answers, "phone"),
        "gender": answers.text("sex"),
        **birth(answers.date("birth")),
        "address": _address(answers),
        "contact": _contact(answers),
        "photo": photo,
    }
    writes = [create("Patient", patient, body), *pictured]
    agreed = answers.yes("reminders")
    if agreed is not None:
        writes.append(reminder_consent(context, patient, agreed=agreed))
    mother = answers.person("mother")
    if mother is not None:
        writes.append(_mother(context, patient, mother))
    return writes


def card_number(number: str) -> dict[str, Any]:
    """A short number as the identifier that stands on a card."""
    return _identifier(NUMBER_SYSTEM, number, "MR", "Number on the card")


def _identifier(system: str, value: str, code: str, said: str) -> dict[str, Any]:
    type_ = {"coding": [{"system": _IDENTIFIERS, "code": code}], "text": said}
    return {"use": "usual", "type": type_, "system": system, "value": value}


def _national(answers: Answers) -> list[dict[str, Any]]:
    number = answers.text("national")
    return [_identifier(NATIONAL_SYSTEM, number, "NI", "National identity number")] if number else []


def _name(answers: Answers) -> dict[str, Any]:
    name = {"use": "official", "family": answers.text("family"), "given": answers.text("given").split(" ")}
    return without_empty(name)


def _telecom(answers: Answers, field: str) -> list[dict[str, Any]]:
    number = answers.text(field)
    return [{"system": "phone", "value": number, "use": "mobile"}] if number else []


def _address(answers: Answers) -> list[dict[str, Any]]:
    village = answers.text("village")
    return [{"use": "home", "city": village}] if village else []


def _contact(answers: Answers) -> list[dict[str, Any]]:
    name = answers.text("kin_name")
    if not name:
        return []
    code = answers.text("kin_relation")
    relation = next((choice.label.message for choice in RELATIONS if choice.value == code), "")
    said = [{"coding": [{"system": _ROLES, "code": code}], "text": relation}] if code else []
    one = {"relationship": said, "name": {"text": name}, "telecom": _telecom(answers, "kin_phone")}
    return [without_empty(one)]


def birth(dated: Dated | None) -> dict[str, Any]:
    """`birthDate` with the precision that is known, and a mark when it was estimated: of which parts, and which nobody knows."""
    if dated is None:
        return {}
    if not dated.estimated:
        return {"birthDate": dated.text}
    code = {len("1990"): "UUE", len("1990-05"): "UEE"}.get(len(dated.text), "EEE")
    coding = {"system": _ACCURACY_CODES, "code": code}
    return {"birthDate": dated.text, "_birthDate": {"extension": [{"url": ACCURACY, "valueCoding": coding}]}}


def is_estimated(patient: Mapping[str, Any]) -> bool:
    """Whether a birth date was marked so."""
    marks = (patient.get("_birthDate") or {}).get("extension") or []
    codes = (mark.get("valueCoding", {}).get("code", "") for mark in marks if mark.get("url") == ACCURACY)
    return any("E" in code for code in codes)


def _photo(answers: Answers, context: Context, patient: str) -> tuple[list[dict[str, Any]], list[Write]]:
    """The attachments of `Patient.photo` (the picture by reference, the thumbnail within) and the picture itself."""
    file = answers.file("photo")
    if file is None:
        return [], []
    id_ = context.new_id()
    data = base64.b64encode(file.content).decode()
    binary = {
        "contentType": pictures.MEDIA_TYPE,
        "securityContext": {"reference": f"Patient/{patient}"},
        "data": data,
    }
    small = base64.b64encode(pictures.thumbnail(file.content)).decode()
    attached = [
        {"contentType": pictures.MEDIA_TYPE, "url": f"Binary/{id_}", "title": "Photo", "creation": context.moment},
        {"contentType": pictures.MEDIA_TYPE, "data": small, "title": "Thumbnail"},
    ]
    return attached, [create("Binary", id_, binary)]


def _mother(context: Context, child: str, mother: Person) -> Write:
    known = [{"system": PATIENT_SYSTEM, "value": mother.id}] if mother.id is not None else []
    body = {
        "identifier": known,
        "patient": {"reference": f"Patient/{child}"},
        "relationship": [{"coding": [{"system": _ROLES, "code": "MTH"}], "text": "Mother"}],
        "name": [{"text": mother.name}],
        "gender": "female",
    }
    return create("RelatedPerson", context.new_id(), body)


# --- changing ---------------------------------------------------------------------------------------------------------


def start_edit(context: Context) -> dict[str, str]:
    """What is known of her."""
    patient = context.she.resource
    name, contact = _first(patient, "name"), _first(patient, "contact")
    born = patient.get("birthDate")
    known = {
        "given": " ".join(name.get("given", [])) or name.get("text", ""),
        "family": name.get("family", ""),
        "sex": patient.get("gender", ""),
        "village": _first(patient, "address").get("city", ""),
        "phone": _number(patient),
        "kin_name": _kin_name(contact),
        "kin_relation": _kin_code(contact),
        "kin_phone": _number(contact),
        "national": next((one["value"] for one in _with_system(patient, NATIONAL_SYSTEM)), ""),
    }
    return {**known, **(date_parts("birth", Dated(born, is_estimated(patient))) if born else {})}


def _first(resource: Mapping[str, Any], name: str) -> dict[str, Any]:
    entries = resource.get(name) or [{}]
    return dict(entries[0])


def _number(resource: Mapping[str, Any]) -> str:
    numbers = (one.get("value", "") for one in resource.get("telecom") or [] if one.get("system") == "phone")
    return str(next(numbers, ""))


def _kin_name(contact: Mapping[str, Any]) -> str:
    name = contact.get("name") or {}
    return str(name.get("text") or " ".join([*name.get("given", []), name.get("family", "")]).strip())


def _kin_code(contact: Mapping[str, Any]) -> str:
    codings = [coding for one in contact.get("relationship") or [] for coding in one.get("coding") or []]
    known = {choice.value for choice in RELATIONS}
    return str(next((coding["code"] for coding in codings if coding.get("code") in known), ""))


def _with_system(patient: Mapping[str, Any], system: str) -> list[dict[str, Any]]:
    return [one for one in patient.get("identifier") or [] if one.get("system") == system and one.get("value")]


def edit(answers: Answers, context: Context) -> list[Write]:
    """Her record with what was changed; entries that the form does not show stay, and so does what it shows and nobody touched."""
    she = context.she
    before, patient = start_edit(context), she.resource
    photo, pictured = _photo(answers, context, she.id)
    others = [one for one in patient.get("identifier") or [] if one.get("system") != NATIONAL_SYSTEM]
    same_name = (answers.text("given"), answers.text("family")) == (before["given"], before["family"])
    same_kin = all(answers.text(name) == before[name] for name in ("kin_name", "kin_relation"))
    same_kin = same_kin and answers.text("kin_phone") == plain_phone(before["kin_phone"])
    same_national = answers.text("national") == before["national"]
    # Her number may have been written with spaces, her birth date with more than we know of: who did not touch them did not change them.
    same_phone = answers.text("phone") == plain_phone(before["phone"])
    born = patient.get("birthDate")
    same_birth = born is not None and answers.date("birth") == Dated(born, is_estimated(patient))
    members: dict[str, Any] = {
        "name": patient.get("name") if same_name else [_name(answers), *(patient.get("name") or [])[1:]],
        "gender": answers.text("sex"),
        **({} if same_birth else {"_birthDate": None, **birth(answers.date("birth"))}),
        "telecom": patient.get("telecom") if same_phone else _replaced(patient.get("telecom"), answers.text("phone")),
        "address": _moved(patient.get("address"), answers.text("village")),
        "contact": patient.get("contact") if same_kin else [*_contact(answers), *(patient.get("contact") or [])[1:]],
        "identifier": patient.get("identifier") if same_national else [*others, *_national(answers)],
        "photo": photo or patient.get("photo"),
    }
    return [changed(she, **members), *pictured]


def _replaced(telecom: list[dict[str, Any]] | None, number: str) -> list[dict[str, Any]]:
    """The first telephone number replaced, taken away or added."""
    entries = list(telecom or [])
    at = next((place for place, one in enumerate(entries) if one.get("system") == "phone"), None)
    if at is None:
        return [*entries, {"system": "phone", "value": number, "use": "mobile"}] if number else entries
    put = [{**entries[at], "value": number}] if number else []
    return [*entries[:at], *put, *entries[at + 1 :]]


def _moved(address: list[dict[str, Any]] | None, village: str) -> list[dict[str, Any]]:
    """The village of the first address."""
    entries = list(address or [])
    if not entries:
        return [{"use": "home", "city": village}] if village else []
    first = without_empty({**entries[0], "city": village})
    return [first, *entries[1:]]


# --- the sheets -------------------------------------------------------------------------------------------------------


TYPES: Final = ("Patient", "RelatedPerson", "Consent")
"""What these forms write, but for the picture that goes with a Patient."""
REGISTER: Final = Sheet(
    name="register",
    path="/patients/new",
    form=form,
    write=register,
    after=lambda writes, context: f"/patients/{writes[0].id}/card?new",
    news=lambda answers, context: _("Registered."),
    here="register",
    registers=True,
    types=TYPES,
)
EDIT: Final = Sheet(
    name="edit-patient",
    path="/patients/{id_}/edit",
    form=edit_form,
    start=start_edit,
    write=edit,
    edits=lambda context: (context.she.reference,),
    news=lambda answers, context: _("The changes are saved."),
    types=TYPES,
)
