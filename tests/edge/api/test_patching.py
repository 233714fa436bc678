"""Patches mean what their RFCs say, and no digit changes on the way."""

import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.api import numbers, patching
from edge_node.api.outcome import Refused
from edge_node.api.patching import JSON_PATCH, MERGE_PATCH
from sync_protocol.errors import MalformedJson

WORDS = st.sampled_from(["a", "b", "c", "a/b", "m~n", "é", "", "0", "-"])
SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from([0.5, 1.25, -2.0]) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=4)


def apply_to(document: Any, operations: Any) -> Any:
    """The patched document as plain JSON, by way of our numbers."""
    patched = patching.apply_operations(
        numbers.parse(json.dumps(document).encode()), numbers.parse(json.dumps(operations).encode())
    )
    return json.loads(numbers.serialise(patched))


@given(OBJECTS, OBJECTS)
def test_a_patch_between_two_documents_leads_from_one_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    operations = jsonpatch.make_patch(old, new).patch
    assert apply_to(old, operations) == new


def value_at(document: Any, parts: list[str]) -> Any:
    for part in parts:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def pointer(parts: list[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def places(document: Any, here: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place in a document below its root."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place for key, value in inner for place in ((*here, str(key)), *places(value, (*here, str(key))))]


@given(st.data(), OBJECTS.filter(bool), JSON)
def test_single_operations_do_what_rfc_6902_says(data: st.DataObject, document: dict[str, Any], value: Any) -> None:
    parts = list(data.draw(st.sampled_from(places(document))))
    parent, last = value_at(document, parts[:-1]), parts[-1]
    op = data.draw(st.sampled_from(["add", "remove", "replace", "test"]))
    expected = json.loads(json.dumps(document))
    target = value_at(expected, parts[:-1])
    if op == "test":
        value = value_at(document, parts)
    elif isinstance(parent, list):
        index = int(last)
        target[index : index if op == "add" else index + 1] = [] if op == "remove" else [value]
    elif op == "remove":
        del target[last]
    else:
        target[last] = value
    assert apply_to(document, [{"op": op, "path": pointer(parts), "value": value}]) == expected


@given(JSON, JSON)
def test_a_merge_is_the_algorithm_of_rfc_7396(target: Any, patch: Any) -> None:
    def by_the_book(target: Any, patch: Any) -> Any:  # RFC 7396, section 2, as written there
        if isinstance(patch, dict):
            if not isinstance(target, dict):
                target = {}
            for name, value in patch.items():
                if value is None:
                    if name in target:
                        del target[name]
                else:
                    target[name] = by_the_book(target.get(name), value)
            return target
        return patch

    merged = patching.merge(numbers.parse(json.dumps(target).encode()), numbers.parse(json.dumps(patch).encode()))
    assert json.loads(numbers.serialise(merged)) == by_the_book(target, patch)


DIGITS = b'{"resourceType":"Observation","id":"o","a":10.50,"b":1E2,"c":-0,"d":0.0000001,"e":123456789012345678901234567890,"f":1e400}'


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_every_number_keeps_its_text(text: str) -> None:
    assert numbers.serialise(numbers.parse(b"[%s]" % text.encode())) == b"[%s]" % text.encode()


def test_a_patch_keeps_the_digits_of_what_it_does_not_touch() -> None:
    patched = patching.apply(
        JSON_PATCH, DIGITS, b'[{"op":"add","path":"/g","value":6.00},{"op":"copy","from":"/a","path":"/h"}]'
    )
    assert patched == DIGITS[:-1] + b',"g":6.00,"h":10.50}'
    assert patching.apply(MERGE_PATCH, DIGITS, b'{"a":10.500}') == DIGITS.replace(b"10.50", b"10.500")


@pytest.mark.parametrize(
    ("document", "value", "equal"),
    [
        ("1", "1.0", True),
        ("100", "1E2", True),
        ("1", "true", False),
        ("0", "false", False),
        ("6.0", "6.00", True),
        ('"1"', "1", False),
    ],
)
def test_tests_compare_numbers_by_value_and_literals_by_kind(document: str, value: str, equal: bool) -> None:
    text = b'{"a":%s}' % document.encode()
    operations = numbers.parse(b'[{"op":"test","path":"/a","value":%s}]' % value.encode())
    if equal:
        patching.apply_operations(numbers.parse(text), operations)
    else:
        with pytest.raises(Refused) as caught:
            patching.apply_operations(numbers.parse(text), operations)
        assert caught.value.status == 422


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ("{}", 400),
        ("[1]", 400),
        ('[{"op":"replace"}]', 400),
        ('[{"op":"fly","path":"/a"}]', 400),
        ('[{"op":"add","path":"/a"}]', 400),
        ('[{"op":"copy","path":"/a"}]', 400),
        ('[{"op":"add","path":"a","value":1}]', 422),
        ('[{"op":"remove","path":"/none"}]', 422),
        ('[{"op":"replace","path":"/list/7","value":1}]', 422),
        ('[{"op":"copy","from":"/none","path":"/a"}]', 422),
        ('[{"op":"replace","path":"/id","value":"other"}]', 422),
        ('[{"op":"remove","path":"/resourceType"}]', 422),
        ('[{"op":"replace","path":"","value":[]}]', 422),
    ],
)
def test_what_cannot_be_applied_is_refused(patch: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        patching.apply(JSON_PATCH, b'{"resourceType":"Patient","id":"p","list":[1]}', patch.encode())
    assert caught.value.status == status
    assert caught.value.hint


def test_copies_cannot_make_a_document_grow_without_end() -> None:
    operations = [{"op": "copy", "from": "/a", "path": f"/a/{i}"} for i in range(60)]
    with pytest.raises(Refused) as caught:
        patching.apply_operations({"a": {"x": 1}}, operations)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "text", [b"NaN", b"[Infinity]", b"{'a':1}", b'{"a":1,}', b"\xff", b"[" * 200, b"[" * 100_000, b""]
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedJson):
        numbers.parse(text)


@pytest.mark.parametrize(
    ("kind", "patch"), [(MERGE_PATCH, r'{"x":"\ud800"}'), (JSON_PATCH, r'[{"op":"add","path":"/x","value":"\ud800"}]')]
)
def test_half_of_a_letter_is_refused(kind: str, patch: str) -> None:
    with pytest.raises(MalformedJson):
        numbers.serialise(numbers.parse(patch.encode()))
    with pytest.raises((MalformedJson, Refused)):
        patching.apply(kind, b'{"resourceType":"Patient","id":"p"}', patch.encode())
