"""Everything about one patient, arranged for reading: dangers first, then what holds now, then what was, grouped."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

import msgspec

from edge_node.forms.care import menu
from edge_node.language import N_, _
from edge_node.pages import codes, dates, records, words
from edge_node.pages.lines import Line
from edge_node.pages.words import Naming, Object, first, objects, text
from edge_node.store.model import Stored
from edge_node.store.rows import instant

VISITS_SHOWN = 5
LEADS: Mapping[str, int] = MappingProxyType(
    {"problems": 5, "medicines": 5, "vaccinations": 2, "results": 5, "visits": 3, "orders": 2, "plans": 2}
)
"""How many of a section stand on the first page; all others are folded away whole."""


class Entry(msgspec.Struct, frozen=True):
    """A line, whether its record is at the hub (empty, or why it is not), and whether people disagree about it. `kinds`: what its
    menu asks (`edge_node/forms/care/menu.py`)."""

    line: Line
    unsafe: str = ""
    disputed: bool = False
    type: str = ""
    id: str = ""
    kinds: frozenset[str] = frozenset()

    @property
    def danger(self) -> bool:
        """A danger that is disputed is one until it is settled, whatever is shown of it meanwhile."""
        return self.line.danger or self.disputed


class Group(msgspec.Struct, frozen=True):
    """Records of the same thing, newest first."""

    title: str
    entries: tuple[Entry, ...]

    @property
    def newest(self) -> Entry:
        return self.entries[0]

    @property
    def earlier(self) -> tuple[Entry, ...]:
        return self.entries[1:]

    @property
    def earlier_wait(self) -> bool:
        """Whether one that is folded away is not at the hub."""
        return any(entry.unsafe for entry in self.earlier)


class Block(msgspec.Struct, frozen=True):
    """A part of a section: groups under a title. `folded`: shown when it is asked for."""

    title: str
    groups: tuple[Group, ...]
    folded: bool = False

    @property
    def count(self) -> int:
        return sum(len(group.entries) for group in self.groups)


class Section(msgspec.Struct, frozen=True):
    """A section of the page. `form`: how its groups are laid out, `list` or `results`."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    form: str = "list"
    empty: str = ""

    @property
    def count(self) -> int:
        return sum(block.count for block in self.blocks)

    @property
    def lead(self) -> tuple[Group, ...]:
        """What of it stands on the first page: of what holds now, the latest."""
        present = next((block.groups for block in self.blocks if not block.folded), ())
        return present[: LEADS.get(self.id, 0)]

    @property
    def folded(self) -> int:
        """How many records the first page leaves out."""
        return self.count - len(self.lead)

    @property
    def folded_waits(self) -> bool:
        """Whether one of those is not at the hub."""
        shown = {id(group.newest) for group in self.lead}
        return any(
            entry.unsafe
            for block in self.blocks
            for group in block.groups
            for entry in group.entries
            if id(entry) not in shown
        )


class Other(msgspec.Struct, frozen=True):
    """Another record of the same person, merged into hers."""

    id: str
    name: str
    number: str


class Identity(msgspec.Struct, frozen=True):
    """Who she is."""

    id: str
    name: str
    sex: str
    age: str
    born: str
    died: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    dead: bool
    unsafe: str
    photo: bool = False
    brief: tuple[tuple[str, str], ...] = ()
    merged: tuple[Other, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """The whole page; `total` counts records."""

    who: Identity
    dangers: tuple[Entry, ...]
    denials: tuple[Entry, ...]
    past_dangers: tuple[Entry, ...]
    allergies_asked: bool
    sections: tuple[Section, ...]
    total: int
    waiting: int


def page(everything: Sequence[Stored], unsafe: Mapping[int, str], naming: Naming, today: date) -> Page:
    """The page of the patient who is the first of `everything`. `unsafe`: key → why a record is not at the hub."""
    patient = words.decode(everything[0].body or b"{}")
    entries: dict[str, list[Entry]] = {}
    for stored in everything[1:]:
        if stored.type == "Patient":
            continue  # merged into hers: told with who she is
        resource = words.decode(stored.body or b"{}")
        said = records.line(stored.type, resource, naming)
        if not said.sort:  # nobody wrote when: then when it came here says how new it is
            said = msgspec.structs.replace(said, sort=instant(stored.updated_ms))
        kinds = menu.kinds_of(stored.type, resource)
        entry = Entry(said, unsafe.get(stored.key, ""), stored.conflict, stored.type, stored.id, kinds)
        entries.setdefault(stored.type, []).append(entry)
    for found in entries.values():
        found.sort(key=lambda entry: entry.line.sort, reverse=True)
    alarming = _taken(entries, ("AllergyIntolerance", "Flag", "DetectedIssue"))
    alarming.sort(key=lambda entry: entry.line.tone != "high")
    held = [e for type_ in _MEDICINES for e in entries.get(type_, []) if e.line.danger]
    return Page(
        msgspec.structs.replace(
            identity(everything[0].id, patient, naming, today, unsafe.get(everything[0].key, "")),
            merged=tuple(_other(stored) for stored in everything[1:] if stored.type == "Patient"),
        ),
        tuple([e for e in alarming if e.danger] + held),
        tuple(e for e in alarming if e.line.denies and not e.danger),
        tuple(e for e in alarming if not e.danger and not e.line.denies),
        any(stored.type == "AllergyIntolerance" for stored in everything),
        tuple(section for section in _sections(entries) if section.count or section.empty),
        len(everything),
        sum(stored.key in unsafe for stored in everything),
    )


_MEDICINES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")


def _taken(entries: dict[str, list[Entry]], types: Iterable[str]) -> list[Entry]:
    found = [entry for type_ in types for entry in entries.pop(type_, [])]
    return sorted(found, key=lambda entry: entry.line.sort, reverse=True)


def identity(id_: str, patient: Object, naming: Naming, today: date, unsafe: str) -> Identity:
    """Who a decoded Patient is, in words. `unsafe`: why the record is not at the hub."""
    contacts = [
        f"{words.human_name(c.get('name'))} {words.relationship(c.get('relationship'))}".strip()
        for c in objects(patient.get("contact"))
    ]
    reached = [words.contact(t) for c in objects(patient.get("contact")) for t in objects(c.get("telecom"))]
    languages = [words.concept(one.get("language")) for one in objects(patient.get("communication"))]
    seen_by = [words.reference(one, naming) for one in objects(patient.get("generalPractitioner"))]
    married = patient.get("maritalStatus")
    facts: list[tuple[str, Iterable[str]]] = [
        (_("Telephone"), (words.contact(one) for one in objects(patient.get("telecom")))),
        (_("Lives in"), (words.address(one) for one in objects(patient.get("address")))),
        (_("Also called"), words.other_names(patient.get("name"))),
        (_("Numbers"), (words.identifier(one) for one in objects(patient.get("identifier")))),
        (
            _("Mother's family name"),
            (text(one.get("valueString")) for one in _extensions(patient, "mothersMaidenName")),
        ),
        (_("Marital status"), [str(codes.MARRIED.get(words.code_of(married), words.concept(married)))]),
        (_("Speaks"), languages),
        (_("In an emergency"), [*contacts, *reached]),
        (_("Cared for by"), [*seen_by, words.reference(patient.get("managingOrganization"), naming)]),
        (_("Same person as"), (words.reference(one, naming) for one in _same(patient))),
    ]
    told = ((name, tuple(dict.fromkeys(filter(None, values)))) for name, values in facts)
    return Identity(
        id_,
        words.human_name(patient.get("name")) or _("Name not recorded"),
        words.sex(patient),
        words.age(patient, today),
        dates.day(patient.get("birthDate")),
        dates.day(patient.get("deceasedDateTime")),
        tuple((name, values) for name, values in told if values),
        "deceasedDateTime" in patient or patient.get("deceasedBoolean") is True,
        unsafe,
        any("data" in one for one in objects(patient.get("photo"))),
        _brief(patient),
    )


def _same(patient: Object) -> Iterator[Object]:
    """Her other records, not she as her baby's mother (a RelatedPerson). Source: FHIR R4 Patient.link.other."""
    for link in objects(patient.get("link")):
        other = first(link.get("other"))
        if not text(other.get("reference")).startswith("RelatedPerson/"):
            yield other


def _brief(patient: Object) -> tuple[tuple[str, str], ...]:
    """What tells her from others, and how she and hers are reached: on the first page, the rest is folded."""
    kin = next(iter(objects(patient.get("contact"))), {})
    kin_said = f"{words.human_name(kin.get('name'))} {words.relationship(kin.get('relationship'))}".strip()
    told = (
        (_("Number"), words.main_identifier(patient)),
        (_("Village"), words.village(patient)),
        (_("Telephone"), words.telephone(patient)),
        (_("Next of kin"), words.joined([kin_said, words.telephone(kin)])),
    )
    return tuple((name, value) for name, value in told if value)


def _other(stored: Stored) -> Other:
    patient = words.decode(stored.body or b"{}")
    name = words.human_name(patient.get("name")) or _("Name not recorded")
    return Other(stored.id, name, words.main_identifier(patient))


def _extensions(patient: Object, name: str) -> list[Object]:
    return [one for one in objects(patient.get("extension")) if text(one.get("url")).endswith(name)]


# --- sections ---------------------------------------------------------------------------------------------------------


def _sections(entries: dict[str, list[Entry]]) -> Iterable[Section]:
    problems = _taken(entries, ("Condition",))
    yield Section(
        "problems", _("Problems"), _now_and_then(problems, _("Earlier problems")), empty=_("No problem is recorded.")
    )
    medicines = _taken(entries, _MEDICINES)
    yield Section(
        "medicines",
        _("Medicines"),
        _now_and_then(medicines, _("Earlier medicines")),
        empty=_("No medicine is recorded."),
    )
    yield Section("vaccinations", _("Vaccinations"), _block("", _taken(entries, ("Immunization",))))
    yield Section("results", _("Results"), _results(_taken(entries, ("Observation",))), "results")
    visits = _taken(entries, ("Encounter",))
    earlier = _block(_("Earlier visits"), visits[VISITS_SHOWN:], folded=True)
    yield Section("visits", _("Visits"), (*_each("", visits[:VISITS_SHOWN]), *earlier))
    plans = _taken(entries, ("EpisodeOfCare", "CarePlan", "Goal", "Appointment", "Task", "CommunicationRequest"))
    yield Section("plans", _("Care plans and goals"), _now_and_then(plans, _("Earlier plans and goals")))
    orders = _taken(entries, ("ServiceRequest",))
    yield Section("orders", _("Orders and referrals"), _now_and_then(orders, _("Earlier orders and referrals")))
    yield Section("procedures", _("Procedures"), _block("", _taken(entries, ("Procedure",))))
    yield Section("reports", _("Reports"), _block("", _taken(entries, ("DiagnosticReport",))))
    papers = _taken(entries, ("DocumentReference", "QuestionnaireResponse", "Communication", "Consent"))
    yield Section("documents", _("Notes, documents and forms"), _each("", papers))
    yield Section("people", _("Relatives and carers"), _each("", _taken(entries, ("RelatedPerson",))))
    rest = tuple(block for type_ in sorted(entries) for block in _block(_title(type_), entries[type_], folded=True))
    yield Section("other", _("Other records"), rest)


def _title(type_: str) -> str:
    words_ = codes.kind(type_, 3)  # several: 2 has a form of its own in some languages
    return words_[:1].upper() + words_[1:]


def _now_and_then(found: Sequence[Entry], then: str) -> tuple[Block, ...]:
    present = [entry for entry in found if not entry.line.over and not entry.line.wrong]
    past = [entry for entry in found if entry.line.over or entry.line.wrong]
    return (*_block("", present), *_block(then, past, folded=True))


def _block(title: str, found: Sequence[Entry], *, folded: bool = False) -> tuple[Block, ...]:
    """The same things together, each thing once, newest first."""
    return (Block(title, grouped(found), folded),) if found else ()


def _each(title: str, found: Sequence[Entry]) -> tuple[Block, ...]:
    """Every record for itself."""
    return (Block(title, tuple(Group(entry.line.what, (entry,)) for entry in found)),) if found else ()


def grouped(
    found: Iterable[Entry], key: Callable[[Entry], str] = lambda entry: entry.line.what.casefold()
) -> tuple[Group, ...]:
    """Records of the same name together, in the order in which they come."""
    together: dict[str, list[Entry]] = {}
    for entry in found:
        together.setdefault(key(entry), []).append(entry)
    return tuple(Group(entries[0].line.what, tuple(entries)) for entries in together.values())


_CATEGORIES = (
    ("vital-signs", N_("Vital signs"), False),
    ("laboratory", N_("Laboratory"), False),
    ("imaging", N_("Imaging"), False),
    ("exam", N_("Examination"), False),
    ("", N_("Other results"), False),
    ("procedure", N_("From procedures"), True),
    ("survey", N_("Questions asked"), True),
    ("social-history", N_("Way of life"), True),
    ("therapy", N_("Therapy"), True),
    ("activity", N_("Activity"), True),
)


def _results(found: Sequence[Entry]) -> tuple[Block, ...]:
    known = {code for code, _, _ in _CATEGORIES}
    blocks = []
    for code, title, folded in _CATEGORIES:
        entries = [
            e for e in found if (e.line.category if e.line.category in known else "") == code and not e.line.wrong
        ]
        if entries:
            blocks.append(Block(str(title), grouped(entries), folded))
    wrong = [entry for entry in found if entry.line.wrong]
    return (*blocks, *_block(_("Entered by mistake"), wrong, folded=True))
