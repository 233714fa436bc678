"""Nurses and clerks: they open forms and save them later, import files, settle conflicts, delete and keep.

Each write is told to the oracle before it happens, with what its author has on the screen; what a node answered with success is
from then on that node's to keep.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from edge_node.errors import VersionConflict
from edge_node.store.model import Author, Write
from sync_protocol.resource import ALIVE, DELETION, Resource
from tests.simulation.actors import Edge
from tests.simulation.oracle import Fact
from tests.simulation.records import Records, Violation
from tests.simulation.screens import TAGS, Form, canonical, changes, members
from tests.simulation.world import World

FORMS_MAX = 4
PATIENTS_MAX = 3
UNKNOWN = {"favouriteColour"}
"""Elements that only a newer program knows."""
BIRTH_ORDINAL = date(1900, 1, 1).toordinal()


class People:
    """All who work at the edges of a world."""

    def __init__(self, world: World, records: Records) -> None:
        self._world, self._chance, self._records = world, world.chance, records
        self._forms: dict[str, list[Form]] = {}
        self._writes = 0
        self._ids: list[str] = []
        self._modern: set[str] = set()

    def has_newer_program(self, edge: Edge) -> None:
        """This edge's forms have elements that others do not know."""
        self._modern.add(edge.name)

    def act(self, edge: Edge) -> None:
        """Somebody at this edge does something."""
        if edge.store is None:
            return
        deeds: list[tuple[float, Callable[[Edge], None]]] = [
            (3, self._open),
            (6, self._save),
            (0.7, self._create_observation),
            (2, self._delete),
            (1.2, self._resolve),
            (0.7, self._import),
            (2.5 if len(self._ids) < PATIENTS_MAX else 0, self._create_patient),
            (0.7 if edge.name in self._modern else 0, self._create_unknown),
        ]
        deed = self._chance.choices([d for _, d in deeds], [w for w, _ in deeds])[0]
        with edge.mortal():
            deed(edge)

    def look_again(self, edge: Edge) -> None:
        """All screens of an edge are loaded anew."""
        self._forms.pop(edge.name, None)

    # --- writing ---

    def _new_write(self) -> str:
        self._writes += 1
        return f"w{self._writes}"

    def _commit(self, edge: Edge, write: str, form: Form | None, wanted: Write, facts: list[Fact]) -> None:
        assert edge.store is not None
        plain = wanted.body is None or b'"telecom"' not in wanted.body  # whose tags are no codes of FHIR
        whole = form is not None and form.type == "Patient"  # a stick may have brought a part of an Observation
        validate = self._world.maybe(0.1) and plain and whole and edge.name not in self._modern
        try:
            (done,) = edge.store.write([wanted], Author(write, "nurse"), edge.clock(), validate=validate)
        except VersionConflict:
            if not wanted.if_match:
                raise
            self._world.note("stale", f"{edge.name} {write}")
            return
        if facts and not done.changed and not (wanted.body is None and done.stored.gone):
            raise Violation(f"{edge.name} {write}: nothing was written")
        if done.changed:
            edge.promised(facts)
        what = "creates" if done.created else "deletes" if wanted.body is None else "writes"
        self._world.note("write", f"{edge.name} {write} {what} {wanted.type}/{wanted.id} {done.changed}")

    def _facts(
        self, name: str, write: str, changed: dict[str, str | None], saw: dict[str, frozenset[str]]
    ) -> list[Fact]:
        told = self._records.oracle.wrote
        return [told(name, element, write, value, saw.get(element, ())) for element, value in sorted(changed.items())]

    def _put(self, edge: Edge, form: Form, body: dict[str, Any]) -> None:
        """Saves a form with a body."""
        write = self._new_write()
        facts = self._told(edge, write, form, body)
        if not facts:
            return
        seen = form.version if form.version and (form.body is None or self._world.maybe(0.7)) else None
        text = deepcopy(body)
        if seen is None and form.version:
            text.setdefault("meta", {})["versionId"] = form.version
        match = seen is not None and self._world.maybe(0.2)
        wanted = Write(form.type, form.id, msgspec.json.encode(text), seen=seen, if_match=match)
        self._commit(edge, write, form, wanted, facts)

    def _told(self, edge: Edge, write: str, form: Form, body: dict[str, Any]) -> list[Fact]:
        """What saving this body over this form changes."""
        if edge.registers(form.type, form.id) is None:
            return self._facts(form.name, write, dict(members(body)), {})
        if form.body is None:
            again: dict[str, str | None] = {**dict.fromkeys(form.dead), **members(body), DELETION: None}
            return self._facts(form.name, write, again, dict(form.saw))
        return self._facts(form.name, write, changes(form.body, body), dict(form.saw))

    # --- deeds ---

    def _create_patient(self, edge: Edge) -> None:
        id_ = f"p{len(self._ids)}" if self._world.maybe(0.5) else self._uuid()
        self._ids.append(id_)
        body: dict[str, Any] = {"resourceType": "Patient", "id": id_, "active": True}
        for _ in range(self._chance.randrange(1, 4)):
            self._edit_patient(body, edge)
        self._put(edge, Form("Patient", id_, "", {}, {}), body)

    def _create_observation(self, edge: Edge) -> None:
        patients = sorted(name for name in edge.present if name.startswith("Patient/"))
        if not patients:
            return
        id_ = f"o{self._writes}" if self._world.maybe(0.5) else self._uuid()
        subject = {"reference": self._chance.choice(patients)}
        body = {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}, "subject": subject}
        self._edit_observation(body)
        self._put(edge, Form("Observation", id_, "", {}, {}), body)

    def _create_unknown(self, edge: Edge) -> None:
        id_ = f"h{self._writes}"
        body = {"resourceType": "Hologram", "id": id_, "beam": self._text(), "ray": self._text()}
        self._put(edge, Form("Hologram", id_, "", {}, {}), body)

    def _open(self, edge: Edge) -> None:
        names = sorted(edge.present)
        if not names:
            return
        type_, _, id_ = self._chance.choice(names).partition("/")
        form = self.form(edge, type_, id_)
        forms = self._open_forms(edge)
        if form is not None:
            forms.append(form)
        del forms[:-FORMS_MAX]

    def form(self, edge: Edge, type_: str, id_: str) -> Form | None:
        """A resource as this edge shows it now."""
        assert edge.store is not None
        registers, shown = edge.registers(type_, id_), edge.store.read(type_, id_)
        if registers is None or shown is None:
            return None
        form = self._records.names.form(registers, shown.version, shown.body)
        if form.body is not None and edge.name not in self._modern:
            for unknown in UNKNOWN & form.body.keys():
                del form.body[unknown]
        return form

    def _pick(self, edge: Edge) -> Form | None:
        """An open form, perhaps of long ago."""
        forms = self._open_forms(edge)
        if not forms or self._world.maybe(0.2):
            self._open(edge)
        oldest = self._world.maybe(0.5)
        return forms.pop(0 if oldest else self._chance.randrange(len(forms))) if forms else None

    def _open_forms(self, edge: Edge) -> list[Form]:
        """Those of what has left this node meanwhile are closed, though it came back: the node knows nothing of what they show."""
        forms = self._forms.setdefault(edge.name, [])
        forms[:] = [form for form in forms if form.name in edge.present and form.name not in edge.left]
        edge.left.clear()
        return forms

    def _save(self, edge: Edge) -> None:
        form = self._pick(edge)
        if form is None or (form.type == "Hologram" and edge.name not in self._modern):
            return
        body = deepcopy(form.body) if form.body is not None else self._blank(form)
        for _ in range(self._chance.randrange(1, 4)):
            if form.type == "Patient":
                self._edit_patient(body, edge)
            elif form.type == "Observation":
                self._edit_observation(body)
            else:
                body["beam"] = self._text()
        self._put(edge, form, body)

    @staticmethod
    def _blank(form: Form) -> dict[str, Any]:
        """What is entered again over something deleted."""
        body = {"resourceType": form.type, "id": form.id}
        return (
            {**body, "active": True} if form.type == "Patient" else {**body, "status": "final", "code": {"text": "x"}}
        )

    def _delete(self, edge: Edge) -> None:
        form = self._pick(edge)
        if form is None or form.body is None:
            return
        write = self._new_write()
        fact = self._records.oracle.deleted(form.name, write, form.saw)
        self._commit(edge, write, form, Write(form.type, form.id, None, seen=form.version), [fact])

    def _resolve(self, edge: Edge) -> None:
        """Settles one thing that people disagree about, as it is now."""
        assert edge.store is not None
        found = [
            (resource, conflict)
            for name in sorted(edge.present)
            for resource in [edge.registers(*name.split("/"))]
            if resource is not None
            for conflict in edge.store.disagreements(resource.type, resource.id)
            if self._records.names.of(resource, conflict.element) is not None
        ]
        if not found:
            return
        resource, conflict = self._chance.choice(found)
        write = self._new_write()
        told = self._records.names.told(resource)
        saw = {element: frozenset(writes) for element, writes in told.items()}
        if conflict.element == DELETION:
            value, fact = self._judge(resource, write, saw)
        else:
            chosen = self._chance.choice(conflict.values).value
            value = bytes(chosen) if chosen is not None else None
            element = self._records.names.of(resource, conflict.element)
            assert element is not None
            text = canonical(msgspec.json.decode(value)) if value is not None else None
            fact = self._records.oracle.wrote(resource.name, element, write, text, saw[element])
        edge.store.resolve(resource.type, resource.id, conflict.element, value, Author(write, "doctor"), edge.clock())
        edge.promised([fact])
        self._world.note("resolve", f"{edge.name} {write} {resource.name} {conflict.element}")

    def _judge(self, resource: Resource, write: str, saw: dict[str, frozenset[str]]) -> tuple[bytes | None, Fact]:
        """A disputed deletion: kept, or done again."""
        if self._world.maybe(0.5):
            return ALIVE, self._records.oracle.wrote(resource.name, DELETION, write, None, saw[DELETION])
        return None, self._records.oracle.deleted(resource.name, write, saw)

    def _import(self, edge: Edge) -> None:
        """One of the files that are about is read in, here and perhaps elsewhere too."""
        assert edge.store is not None
        write = self._new_write()
        texts: list[bytes] = []
        facts: list[Fact] = []
        for body in self._file(edge.node.facility, self._chance.randrange(2)):
            type_, id_ = body["resourceType"], body["id"]
            now = edge.registers(type_, id_)
            form = self.form(edge, type_, id_) if now is not None else Form(type_, id_, "", {}, {})
            assert form is not None
            if form.body is not None:
                for unknown in UNKNOWN & form.body.keys():
                    del form.body[unknown]
            facts += self._told(edge, write, form, body)
            texts.append(msgspec.json.encode(body))
        report = edge.store.import_resources(texts, Author(write, "import"), edge.clock)
        if report.quarantined:
            raise Violation("a good file was not taken")
        edge.promised(facts)
        self._world.note("import", f"{edge.name} {write} {report.changed}")

    # --- content ---

    @staticmethod
    def _file(facility: str, number: int) -> list[dict[str, Any]]:
        """One of a clinic's files. Those of two clinics name different patients: an id belongs to one of them."""
        patient = {
            "resourceType": "Patient",
            "id": f"file{number}{facility}",
            "birthDate": f"19{60 + number}-01-01",
            "identifier": [{"system": "urn:s1", "value": "a"}, {"system": "urn:s2", "value": "b"}],
            "maritalStatus": {"text": "f"},
        }
        subject = {"reference": f"Patient/file{number}{facility}"}
        seen = {
            "resourceType": "Observation",
            "id": f"seen{number}{facility}",
            "status": "final",
            "code": {"text": "x"},
            "subject": subject,
            "valueString": "f",
        }
        return [patient, seen]

    def _text(self) -> str:
        return f"{self._writes}.{self._chance.randrange(1 << 30):x}"

    def _uuid(self) -> str:
        return str(UUID(bytes=self._chance.randbytes(16), version=4))

    def _edit_patient(self, body: dict[str, Any], edge: Edge) -> None:
        kinds = ["birthDate", "gender", "maritalStatus", "deceased", "identifier", "telecom", "extension", "remove"]
        kind = self._chance.choice([*kinds, *(["favouriteColour"] if edge.name in self._modern else [])])
        if kind == "birthDate":
            body["birthDate"] = date.fromordinal(BIRTH_ORDINAL + self._chance.randrange(40_000)).isoformat()
        elif kind == "gender":
            body["gender"] = self._chance.choice(["male", "female", "other"])
        elif kind == "maritalStatus":
            body["maritalStatus"] = {"text": self._text()}
        elif kind == "favouriteColour":
            body["favouriteColour"] = self._text()
        elif kind == "deceased":
            body.pop("deceasedBoolean", None)
            if body.pop("deceasedDateTime", None) is None and self._world.maybe(0.5):
                body["deceasedDateTime"] = date.fromordinal(BIRTH_ORDINAL + self._chance.randrange(40_000)).isoformat()
            else:
                body["deceasedBoolean"] = self._world.maybe(0.5)
        elif kind == "remove":
            self._remove(body)
        else:
            self._edit_list(body, kind)

    def _edit_observation(self, body: dict[str, Any]) -> None:
        if self._world.maybe(0.5):
            body["valueString"] = self._text()
        elif self._world.maybe(0.5):
            body["note"] = [{"text": self._text()}]
        else:
            self._edit_list(body, "component")

    def _remove(self, body: dict[str, Any]) -> None:
        there = sorted({"birthDate", "maritalStatus", "gender"} & body.keys())
        if there:
            del body[self._chance.choice(there)]

    def _edit_list(self, body: dict[str, Any], name: str) -> None:
        """Adds, changes, removes or reorders entries of a keyed list."""
        entries: list[dict[str, Any]] = body.setdefault(name, [])
        tag, text = TAGS[name], self._text()
        if entries and self._world.maybe(0.2):
            del entries[self._chance.randrange(len(entries))]
        elif entries and self._world.maybe(0.15):
            self._chance.shuffle(entries)
        else:
            tags: dict[str, list[Any]] = {
                "identifier": ["urn:s1", "urn:s2", "urn:s3"],
                "telecom": [f"t{text}", *(entry.get("use") for entry in entries)],
                "extension": ["urn:e1", "urn:e2"],
                "component": [{"text": "c1"}, {"text": "c2"}],
            }
            chosen = self._chance.choice(tags[name])
            value = {"extension": "valueString", "component": "valueString"}.get(name, "value")
            new = {tag: chosen, value: text, **({"system": "phone"} if name == "telecom" else {})}
            at = [i for i, entry in enumerate(entries) if entry[tag] == chosen]
            if at:
                entries[at[0]] = new
            else:
                entries.append(new)
        if not entries:
            del body[name]
