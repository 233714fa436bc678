"""What the one who asks may see and write: her role's rights, applied to types, to resources and to searches.

Three ways lead to a resource: the role sees its kind of everybody; it is in the record of the patient that the user is, or in one that
staff joined to it (`edge_node/same_person.py`; for as long as they are joined, and to see it, never to write in it); it is in the record
of a patient that she opened with a reason (to see it, never to write in it).

What is refused and what is left out: an address that names a type outside of one's role is refused (403), before it is looked up, so
that the answer does not tell whether it is there, and so that an empty list is never taken for "she has none". Where an answer gathers
many types, what is outside is left out, and the answer says that something may be (https://hl7.org/fhir/R4/security.html#binding).
In a record that may be seen in part, what is another's looks like what is not there (404).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from edge_node.api import media
from edge_node.api.outcome import Refused
from edge_node.errors import Forbidden
from edge_node.fhir import compartment
from edge_node.fhir.criteria import Criterion, ReferenceValue, TokenValue
from edge_node.fhir.definitions import CONTRACT_TYPES
from edge_node.fhir.parameters import Parameter, parameters_of
from edge_node.fhir.query import Query
from edge_node.roles import RECORDS, REMINDER_CONSENT, TABLE, Act, Rights, kind_of, rights_of
from edge_node.store.model import Stored
from edge_node.store.rows import object_of

HINT = "Ask somebody whose role it is, or an administrator of this node."
OPEN_HINT = "In an emergency, open the record with a reason: POST /api/v1/break-glass."
_SECURITY = "securityContext"
_PATIENT = "Patient/"


class Sight(msgspec.Struct, frozen=True):
    """The rights of one user at one moment. `own`: the id of the Patient that she is; `joined`: ids of the other
    records of the same person; `opened`: ids of patients that she opened."""

    rights: Rights
    own: str | None = None
    opened: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()

    # --- acts ---

    def may(self, act: Act) -> bool:
        """Whether her role does this."""
        return act in self.rights.acts

    def check(self, act: Act) -> None:
        """Raises Forbidden when it does not."""
        if not self.may(act):
            raise Forbidden("This is not for your role", hint=HINT)

    # --- seeing ---

    @property
    def sees_all(self) -> bool:
        """Whether nothing of any patient is outside of her role."""
        return self.rights.see >= RECORDS

    def sees_type(self, type_: str) -> bool:
        """Whether all resources of a type are hers to see."""
        return kind_of(type_) in self.rights.see

    def patients(self, type_: str) -> frozenset[str]:
        """The patients of whose record she sees resources of this type, though not everybody's."""
        kind = kind_of(type_)
        own = self.joined | {self.own} if self.own is not None and kind in self.rights.own_see else frozenset()
        return own | (self.opened if kind in RECORDS else frozenset())

    def sees(self, stored: Stored) -> bool:
        """Whether she sees this resource. A deleted one, of which nothing tells whose it was, only by its type."""
        if self.sees_type(stored.type):
            return True
        patients = self.patients(stored.type)
        if stored.type == "Patient":
            return stored.id in patients
        return bool(patients) and stored.body is not None and bool(patients & owners(object_of(stored.body)))

    def check_type(self, type_: str) -> None:
        """Raises Forbidden when she may see nothing of a type."""
        if not self.sees_type(type_) and not self.patients(type_):
            raise Forbidden("Records of this kind are not for your role", hint=self._hint())

    def check_seen(self, stored: Stored) -> None:
        """Raises Refused, as for what is not there, when she may see some of the type and not this one."""
        if not self.sees(stored):
            raise Refused(404, "not-found", "There is no such resource here", "See whether the id is right")

    # --- writing ---

    def writes_type(self, type_: str) -> bool:
        """Whether all resources of a type are hers to write."""
        return kind_of(type_) in self.rights.write

    def check_writes(self, type_: str) -> None:
        """Raises Forbidden when she writes no resource of this type at all."""
        kind = kind_of(type_)
        if kind not in self.rights.write and not (self.own is not None and kind in self.rights.own_write):
            raise Forbidden("Records of this kind are not for your role to write", hint=HINT)

    def check_written(self, type_: str, bodies: Iterable[bytes | None]) -> None:
        """Raises Forbidden when one of these, what was there and what shall be, is not hers to write. None: nothing is there."""
        if self.writes_type(type_):
            return
        self.check_writes(type_)
        for body in bodies:
            if body is not None and not self._is_own_consent(media.read(body)):
                raise Forbidden("Only your own consent to reminders is yours to change", hint=HINT)

    def check_joined(self, type_: str, there: bytes | None, body: bytes | None) -> None:
        """Raises Forbidden when somebody who does not merge records says of a patient that she is another one, too, or deletes her
        (`body` None): her page would then show the other or nothing, and who sees only a part of a record cannot know what that means."""
        if type_ != "Patient" or self.may("merge"):
            return
        if body is None and there is not None:
            raise Forbidden(
                "To delete a person is not for your role: all of her record would be out of sight", hint=HINT
            )
        if body is not None:
            before = _joined(media.read(there)) if there is not None else set[str]()
            if _joined(media.read(body)) - before:
                raise Forbidden("To say that two records are one person's is not for your role", hint=HINT)

    def _is_own_consent(self, resource: dict[str, Any]) -> bool:
        return owners(resource) == {self.own} and REMINDER_CONSENT in set(_categories(resource))

    # --- searching ---

    def within(self, query: Query) -> Query:
        """The search, of what she may see alone. Raises Forbidden when it asks for, or through, what is outside of her role."""
        if self.sees_all and query.type != "AuditEvent":
            return query
        self.check_type(query.type)
        for type_ in _asked_through(query.criteria):
            if not self.sees_type(type_):
                raise Forbidden("This search asks what records say that are not for your role", hint=self._hint())
        if self.sees_type(query.type):
            return query
        limit = of_patients(query.type, sorted(self.patients(query.type)))
        return msgspec.structs.replace(query, criteria=(limit, *query.criteria))

    def types(self, asked: Iterable[str]) -> tuple[str, ...] | None:
        """Those of the types asked for (none: all) whose resources are all hers to see; None when that is no limit.

        Raises Forbidden when none is left.
        """
        wanted = tuple(asked)
        if self.sees_all:
            return wanted or None
        found = tuple(name for name in (wanted or sorted(CONTRACT_TYPES)) if self.sees_type(name))
        if not found:
            raise Forbidden("Records of this kind are not for your role", hint=self._hint())
        return found

    def _hint(self) -> str:
        return OPEN_HINT if "open-with-reason" in self.rights.acts else HINT


EVERYTHING = Sight(TABLE["clinician"])
"""For what the node does by itself."""


def sight_of(
    role: str,
    own: str | None = None,
    opened: frozenset[str] = frozenset(),
    joined: frozenset[str] = frozenset(),
) -> Sight:
    """The sight of a role."""
    return Sight(rights_of(role), own, opened, joined)


def owners(resource: dict[str, Any]) -> set[str]:
    """Ids of the patients whose record a resource is in. A Binary is in that of its security context."""
    if resource.get("resourceType") == "Binary":
        context = resource.get(_SECURITY)
        reference = context.get("reference") if isinstance(context, dict) else None
        is_patient = isinstance(reference, str) and reference.startswith(_PATIENT)
        return {str(reference)[len(_PATIENT) :]} if is_patient else set()
    return compartment.patients_of(resource)


def of_patients(type_: str, ids: list[str]) -> Criterion:
    """The criterion that limits a search to the records of some patients. Raises Forbidden for types that are in no patient's record."""
    if type_ == "Patient":
        return Criterion(parameters_of(type_)["_id"], values=tuple(TokenValue(id_, None) for id_ in ids))
    if not compartment.parameters_for(type_):
        raise Forbidden("Records of this kind are not for your role", hint=HINT)
    return linked(type_, ids)


def linked(type_: str, ids: list[str]) -> Criterion:
    """The criterion of being in the record of one of these patients, by any of the parameters that put the type there."""
    uses = tuple(dict.fromkeys(use for parameter in compartment.parameters_for(type_) for use in parameter.uses))
    link = Parameter("patient", "reference", "", uses, ("Patient",))
    values = tuple(ReferenceValue(f"{_PATIENT}{id_}", "Patient", id_) for id_ in ids)
    return Criterion(link, values=values, target="Patient")


def _asked_through(criteria: Iterable[Any]) -> Iterable[str]:
    """The types of the resources that chained and reverse-chained criteria look into."""
    for criterion in criteria:
        if isinstance(criterion, Criterion):
            for chain in criterion.chain:
                yield chain.type
                yield from _asked_through([chain.criterion])
        else:
            yield criterion.type
            yield from _asked_through([criterion.criterion])


def _joined(patient: dict[str, Any]) -> set[str]:
    """What a Patient's links name for another record of the same person: all but RelatedPersons, since a placeholder may become any."""
    links = patient.get("link")
    others = [link.get("other") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    named = [other.get("reference") for other in others if isinstance(other, dict)]
    return {name for name in named if isinstance(name, str) and not name.startswith("RelatedPerson/")}


def _categories(resource: dict[str, Any]) -> Iterable[tuple[str, str]]:
    entries = resource.get("category")
    for entry in entries if isinstance(entries, list) else []:
        codings = entry.get("coding") if isinstance(entry, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            if isinstance(coding, dict):
                yield str(coding.get("system")), str(coding.get("code"))
