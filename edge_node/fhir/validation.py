"""Validation of a resource against the published definitions (https://hl7.org/fhir/R4/validation.html).

Two walks over the same shapes. ``accepts`` is compiled per structural path, stops at the first doubt and says
nothing; it is what every import pays. ``explain`` is plain, runs only on resources with a doubt, and says where and
what. ``validate`` is their composition; what the first accepts, the second has nothing to say about (a test holds
them to that).

An *error* makes data uninterpretable: a wrong JSON type, a malformed date, a missing required element, a code outside
a required binding, two values of one choice. What is merely unknown is accepted and reported below error, because data
is never refused for being odd. Diagnostics name elements and rules, never values: they are shown and logged.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from edge_node.fhir.definitions import structures
from edge_node.fhir.primitives import JSON_KIND, PREDICATES, is_reference
from edge_node.fhir.structure import Member, Shape, shape

ISSUES_MAX = 100
"""Most issues told of one resource; a hostile one could have millions."""

_name = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}").fullmatch
_controls = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_TEXT = ("string", "markdown")


class Issue(msgspec.Struct, frozen=True):
    """One entry of an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html), free of patient data."""

    severity: str
    code: str
    expression: str
    diagnostics: str


Predicate: TypeAlias = Callable[[Any], bool]
Issues: TypeAlias = Iterator[Issue]


def validate(resource: Any) -> list[Issue]:
    """The issues of a resource parsed from JSON, at most ISSUES_MAX; empty when there is nothing to say."""
    if accepts(resource):
        return []
    try:
        return list(islice(explain(resource), ISSUES_MAX))
    except RecursionError:
        return [_error("structure", _type_name(resource), "Elements are nested too deeply")]


def has_errors(issues: list[Issue]) -> bool:
    """Whether any issue is an error, that is, whether the resource must be turned away."""
    return any(issue.severity == "error" for issue in issues)


def accepts(resource: Any) -> bool:
    """True only for a resource without any issue. False means doubt: ask ``explain``."""
    try:
        return _accepts_resource(resource)
    except (AttributeError, KeyError, RecursionError, TypeError):
        # Not an object where one belongs, an unknown element, or nesting without end: all for explain to say.
        return False


def _accepts_resource(value: Any) -> bool:
    return _acceptor(value["resourceType"])(value)


@cache
def _acceptor(path: str) -> Predicate:
    """The compiled check of one structural path. Members compile on first use: most types are never met."""
    if structures()[path.partition(".")[0]].kind == "primitive-type":
        raise KeyError(path)
    found = shape(path)
    checks: dict[str, Predicate] = {}
    for member in found.members.values():
        checks[member.key] = _deferred(checks, member)
        if member.primitive and not member.many:
            checks["_" + member.key] = _accepts_element
    if "." not in path and structures()[path].kind == "resource":
        checks["resourceType"] = lambda value: value == path
    choices = [frozenset(keys + tuple("_" + key for key in keys)) for keys in found.choices.values() if len(keys) > 1]
    return _object_check(checks, found.required, choices)


def _object_check(
    checks: dict[str, Predicate], required: tuple[tuple[str, ...], ...], choices: list[frozenset[str]]
) -> Predicate:
    plain = tuple(keys[0] for keys in required if len(keys) == 1)
    one_of = tuple(frozenset(keys) for keys in required if len(keys) > 1)

    def members(value: Any) -> bool:
        for key, item in value.items():
            if not checks[key](item):
                return False
        return bool(value)

    def members_and_required(value: Any) -> bool:
        for key in plain:
            if key not in value:
                return False
        for key, item in value.items():  # noqa: SIM110 - all() over a generator costs a third more.
            if not checks[key](item):
                return False
        return True

    basic = members_and_required if plain else members
    if not choices:
        return basic
    if not one_of and len(choices) == 1:
        keys_of = choices[0]
        fewest = len(plain) + 2

        def with_choice(value: Any) -> bool:
            return basic(value) and (len(value) < fewest or len(keys_of & value.keys()) < 2)

        return with_choice

    def with_choices(value: Any) -> bool:
        keys = value.keys()
        for group in choices:
            if len(group & keys) > 1:
                return False
        for group in one_of:
            if group.isdisjoint(keys):
                return False
        return basic(value)

    return with_choices


def _accepts_element(value: Any) -> bool:
    return _acceptor("Element")(value)


def _deferred(checks: dict[str, Predicate], member: Member) -> Predicate:
    """A check that compiles itself when first called, and takes its own place in the table."""

    def compile_and_check(value: Any) -> bool:
        check = checks[member.key] = _member_check(member)
        return check(value)

    return compile_and_check


def _member_check(member: Member) -> Predicate:
    one = _value_check(member)
    if not member.many:
        return one

    def every(value: Any) -> bool:
        if type(value) is not list:
            return False
        for item in value:
            if not one(item):
                return False
        return value != []

    return every


def _value_check(member: Member) -> Predicate:
    if member.of == "Resource":
        return _accepts_resource
    if not member.primitive:
        inner = _acceptor(member.of)
        codes = member.codes
        if codes is None:
            return inner
        return lambda value: inner(value) and _binds(member.of, value, codes)
    if member.codes is not None:
        return member.codes.__contains__
    if member.key == "reference":
        return is_reference
    if member.of in _TEXT:
        return _accepts_text
    return PREDICATES[member.of]


def _accepts_text(value: Any) -> bool:
    return type(value) is str and value != "" and (value.isprintable() or _controls(value) is None)


def _binds(of: str, value: Any, codes: frozenset[str]) -> bool:
    """Whether a concept keeps a required binding: of the codes it gives, one is in the value set."""
    codings = value.get("coding", ()) if of == "CodeableConcept" else (value,)
    given = [coding["code"] for coding in codings if "code" in coding]
    return not given or any(code in codes for code in given)


def _error(code: str, where: str, text: str) -> Issue:
    return Issue("error", code, where, text)


def _type_name(resource: Any) -> str:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return name if isinstance(name, str) and _name(name) else "Resource"


def explain(resource: Any, where: str = "") -> Issues:
    """Every issue of a resource, in document order. Raises RecursionError on nesting without end."""
    where = where or _type_name(resource)
    if not isinstance(resource, dict):
        yield _error("structure", where, "A resource must be a JSON object")
        return
    name = resource.get("resourceType")
    if not isinstance(name, str):
        yield _error("required" if name is None else "structure", f"{where}.resourceType", "resourceType must be text")
        return
    known = structures().get(name)
    if known is None or known.kind != "resource" or name in ("Resource", "DomainResource"):
        yield from _explain_unknown(resource, where)
        return
    yield from _explain_object(shape(name), resource, where)


def _explain_unknown(resource: dict[str, Any], where: str) -> Issues:
    """A type without definitions is kept; only its name and id must be usable."""
    if not _name(resource["resourceType"]):
        yield _error("value", f"{where}.resourceType", "resourceType is not the name of a type")
        return
    if "id" in resource and not PREDICATES["id"](resource["id"]):
        yield _error("value", f"{where}.id", "Not a valid id")
    yield Issue("information", "not-supported", where, "No definition of this type is held; its content is not checked")


def _explain_object(found: Shape, value: Any, where: str) -> Issues:
    if not isinstance(value, dict):
        yield _error("structure", where, "Must be a JSON object")
        return
    if not value:
        yield _error("structure", where, "An object must not be empty")
        return
    for key, item in value.items():
        member = found.members.get(key.removeprefix("_"))
        if key == "resourceType" and "." not in found.path and structures()[found.path].kind == "resource":
            continue
        if member is None or (key[:1] == "_" and not member.primitive):
            yield _explain_unknown_member(key, where)
        elif key[:1] == "_":
            yield from _explain_sibling(member, item, value.get(member.key), f"{where}.{_element(member)}")
        else:
            yield from _explain_member(member, item, value.get("_" + key), f"{where}.{_element(member)}")
    yield from _explain_presence(found, value, where)


def _element(member: Member) -> str:
    return member.choice or member.key


def _explain_unknown_member(key: str, where: str) -> Issue:
    place = f"{where}.{key}" if _name(key) else where
    return Issue("warning", "structure", place, "Element is not defined here; it is kept and not interpreted")


def _explain_presence(found: Shape, value: dict[str, Any], where: str) -> Issues:
    for keys in found.required:
        if not any(key in value or "_" + key in value for key in keys):
            name = _element(found.members[keys[0]])
            yield _error("required", f"{where}.{name}", f"Element {name} is required")
    for stem, keys in found.choices.items():
        if sum(key in value or "_" + key in value for key in keys) > 1:
            yield _error("structure", f"{where}.{stem}", f"Only one type of {stem}[x] may be present")


def _explain_member(member: Member, item: Any, sibling: Any, where: str) -> Issues:
    if not member.many:
        if isinstance(item, list):
            yield _error("structure", where, "Must not be an array")
        else:
            yield from _explain_value(member, item, where)
        return
    if not isinstance(item, list):
        yield _error("structure", where, "Must be an array")
        return
    if not item:
        yield _error("structure", where, "An array must not be empty")
    for index, entry in enumerate(item):
        place = f"{where}[{index}]"
        if entry is None and member.primitive:
            beside = sibling[index] if isinstance(sibling, list) and index < len(sibling) else None
            if beside is None:
                yield _error("structure", place, "null stands only where the extension array has an element")
        else:
            yield from _explain_value(member, entry, place)


def _explain_sibling(member: Member, item: Any, values: Any, where: str) -> Issues:
    """The ``_name`` property: id and extensions of a primitive (https://hl7.org/fhir/R4/json.html#primitive)."""
    element = shape("Element")
    if not member.many:
        yield from _explain_object(element, item, where)
        return
    if not isinstance(item, list):
        yield _error("structure", where, "The extension property of an array must be an array")
        return
    if isinstance(values, list) and len(values) != len(item):
        yield _error("structure", where, "The array and its extension array differ in length")
    if all(entry is None for entry in item):
        yield _error("structure", where, "An extension array must hold an element")
    for index, entry in enumerate(item):
        if entry is not None:
            yield from _explain_object(element, entry, f"{where}[{index}]")


def _explain_value(member: Member, value: Any, where: str) -> Issues:
    if member.of == "Resource":
        yield from explain(value, where)
    elif member.primitive:
        yield from _explain_primitive(member, value, where)
    else:
        before = True
        for issue in _explain_object(shape(member.of), value, where):
            before = before and issue.severity != "error"
            yield issue
        if before and member.codes is not None and not _binds(member.of, value, member.codes):
            yield _error("code-invalid", where, "No code is from the required value set")


def _explain_primitive(member: Member, value: Any, where: str) -> Issues:
    if type(value) not in JSON_KIND[member.of]:
        integral = "int" in member.of.lower() and type(value) in JSON_KIND["decimal"]
        yield _error("value" if integral else "structure", where, f"Not a JSON value of type {member.of}")
    elif not PREDICATES[member.of](value):
        yield _error("value", where, f"Not a valid {member.of}")
    elif member.codes is not None and value not in member.codes:
        yield _error("code-invalid", where, "Code is not from the required value set")
    elif member.key == "reference" and not is_reference(value):
        yield _error("value", where, "Not a relative, absolute, contained or urn reference")
    elif member.of in _TEXT and _controls(value):
        yield Issue("warning", "value", where, "Text holds control characters")
