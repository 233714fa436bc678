"""FHIR texts, usual and odd, and the short way from text to state and back."""

import json

from hypothesis import strategies as st

from sync_protocol import elements
from sync_protocol.resource import Resource, shown
from tests.laws.strategies import stamp_of

NEW = 5000


def read(resource: Resource, version: str | None = None) -> bytes:
    return elements.assemble(resource.type, resource.id, shown(resource), version)


def created(text: bytes, node: int = NEW, counter: int = 1) -> Resource:
    parsed = elements.parse(text)
    return elements.write(None, None, parsed, parsed.id or "new", stamp_of(node, counter, 0))[0]


def written(before: Resource, text: bytes, node: int = NEW, counter: int = 2) -> tuple[Resource, frozenset[str]]:
    return elements.write(before, before, elements.parse(text), before.id, stamp_of(node, counter, 0))


def patient(**members: object) -> bytes:
    return json.dumps({"resourceType": "Patient", "id": "p1", **members}).encode()


NUMBERS = st.sampled_from(
    ["0", "-0", "1", "1.0", "1.00", "1e2", "1E+2", "-0.0", "12345678901234567890123", "1e400", "0.1000000000000000055"]
)
STRINGS = st.text(st.characters(codec="utf-8"), max_size=6)


@st.composite
def json_texts(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text with numbers that floats would spoil, odd names and white space."""
    kind = draw(st.sampled_from(["number", "string", "word", "list", "object"] if depth else ["number", "string"]))
    if kind == "number":
        return draw(NUMBERS)
    if kind == "string":
        return json.dumps(draw(STRINGS), ensure_ascii=draw(st.booleans()))
    if kind == "word":
        return draw(st.sampled_from(["null", "true", "false"]))
    inner = draw(st.lists(json_texts(depth - 1), max_size=3))
    if kind == "list":
        return f"[ {' , '.join(inner)} ]"
    names = draw(st.lists(STRINGS, min_size=len(inner), max_size=len(inner), unique=True))
    return "{" + ",".join(f"\n{json.dumps(n)} : {v}" for n, v in zip(names, inner, strict=True)) + "}"


NAMES = st.one_of(
    st.sampled_from(
        "birthDate _birthDate value valueQuantity _valueString valueInteger dataAbsentReason status statusReason "
        "medication medicationCodeableConcept identifier _identifier telecom name extension modifierExtension component "
        "item meta _meta _id _resourceType deceased deceasedBoolean ~ ? | identifier| telecom|00 a|b value[x] x~ "
        "effectivedateTime effectiveDateTime verification clinicalStatus contained text".split()
    ),
    STRINGS,
    st.just("a" * 300),
)
KEYED = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "system": st.sampled_from(["a", "b"]),
            "url": st.sampled_from(["a", "b", 1]),
            "use": st.sampled_from(["home", None]),
            "value": st.sampled_from([1, "1", True]),
            "code": st.sampled_from([{"text": "x"}, {"coding": [{"code": "y"}]}, {"coding": []}, []]),
        },
    ),
    max_size=4,
).map(json.dumps)


TYPES = ("Patient", "Observation", "MedicationRequest", "Basic", "Größe|")


@st.composite
def bodies(draw: st.DrawFn, types: tuple[str, ...] = TYPES) -> bytes:
    """A resource of a known or unknown type with any members."""
    type_ = draw(st.sampled_from(types))
    names = draw(st.lists(NAMES.filter(lambda n: n not in ("id", "resourceType")), max_size=6, unique=True))
    values = [draw(st.one_of(json_texts(), KEYED)) for _ in names]
    members = [f"{json.dumps(name)}: {value}" for name, value in zip(names, values, strict=True)]
    first = draw(st.integers(0, len(members)))
    members.insert(first, f'"resourceType" : {json.dumps(type_)}')
    return ("{ " + ", ".join([*members, '"id":"new"']) + " }").encode()
