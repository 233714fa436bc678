"""Elements: FHIR JSON goes in and comes out digit for digit, and a write changes what its author changed."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import bounds, elements, frame, json_text, pack
from sync_protocol.errors import MalformedData, MalformedJson, TooLarge
from sync_protocol.register import Register, Sibling
from sync_protocol.resource import Resource, disagreements, gone, join_resource, shown
from tests.laws.documents import NEW, TYPES, bodies, created, json_texts, patient, read, written
from tests.laws.examples import exact, specification_examples, synthea_resources
from tests.laws.strategies import BODIES, body, resources, stamp_of


def expected(text: bytes) -> Any:
    """What must come back: everything but what each server makes itself."""
    whole = exact(text)
    if isinstance(meta := whole.get("meta"), dict):
        whole["meta"] = {k: v for k, v in meta.items() if k not in ("versionId", "lastUpdated")}
        if not whole["meta"]:
            del whole["meta"]
    return whole


# --- round trip -------------------------------------------------------------------------------------------------------


def round_trip(text: bytes) -> None:
    state = created(text)
    back = read(state)
    assert exact(back) == {"id": "new", **expected(text)}
    assert json_text.compact(back) == back
    # Reading and sending back what was read changes nothing, with the server's version in it or not.
    assert written(state, back) == (state, frozenset())
    assert written(state, read(state, "0123456789abcdef")) == (state, frozenset())
    assert elements.parse(read(state, "v")).version == "v" or not isinstance(expected(text).get("meta", {}), dict)
    elements.check_values(state)
    for key in shown(state):
        assert len(key.encode()) <= bounds.ELEMENT_KEY_BYTES_MAX


def test_every_example_of_the_specification_comes_back_digit_for_digit() -> None:
    examples = specification_examples()
    assert len(examples) == 355
    for text in examples:
        round_trip(text)


def test_synthetic_patients_come_back_digit_for_digit() -> None:
    resources_ = synthea_resources(8)
    assert len(resources_) > 1000
    for text in resources_:
        round_trip(text)


@given(bodies())
def test_any_object_comes_back_digit_for_digit(text: bytes) -> None:
    round_trip(text)


@given(st.sampled_from(TYPES).flatmap(lambda type_: st.tuples(bodies((type_,)), bodies((type_,)))))
def test_any_object_may_replace_any_other(both: tuple[bytes, bytes]) -> None:
    state, second = created(both[0]), both[1]
    after, keys = written(state, second)
    assert exact(read(after)) == {"id": "new", **expected(second)}
    assert keys == {key for key in after.elements if after.elements[key] != state.elements.get(key)}
    again, none = written(after, read(after), counter=3)
    assert again is after
    assert not none


@given(resources(2))
def test_writing_back_what_was_read_changes_nothing_in_any_reachable_state(ab: list[Resource]) -> None:
    state = join_resource(*ab)[0]
    if gone(state):
        return
    back = read(state, "0123456789abcdef")
    assert json_text.compact(back) == back
    assert elements.parse(back).version == "0123456789abcdef"
    assert written(state, back, counter=9) == (state, frozenset())


def test_writing_back_what_shows_nothing_changes_nothing() -> None:
    """Two removed one element each, apart from each other: nothing is left to be shown, and it is there all the same."""
    registers = {key: Register((Sibling(stamp_of(1, 2, 0), None),), {1: 2}) for key in ("birthDate", "gender")}
    state = Resource("Patient", "p1", registers)
    assert written(state, read(state), counter=9) == (state, frozenset())
    after, keys = written(state, patient(gender="female"), counter=9)
    assert (shown(after), keys) == ({"gender": b'{"gender":"female"}'}, frozenset({"gender"}))


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode), json_texts().map(str.encode)))
def test_no_text_fails_but_by_name(text: bytes) -> None:
    try:
        parsed = elements.parse(text)
    except (MalformedJson, TooLarge):
        return
    assert parsed.type


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[]", b"null", b'{"resourceType":1}', b'{"resourceType":""}', b'{"resourceType":"P","id":""}',
        b'{"resourceType":"P","id":5}', b'{"resourceType":"P","a":NaN}', b'{"resourceType":"P","a":"\\ud800"}',
        b'{"resourceType":"P","a":"\xff"}', b'{"resourceType":"P"} ', b'{"resourceType":"P"}x', b'{"resourceType":"P","a":01}',
        b'{"resourceType":"P","a":' + b"[" * 100 + b"]" * 100 + b"}", b"[" * 100_000, b'{"a":' * 100_000,
        b'{"resourceType":"' + b"x" * 65 + b'"}', b'{"resourceType":"P","id":"' + b"x" * 65 + b'"}', b'\xef\xbb\xbf{"resourceType":"P"}',
    ],
)  # fmt: skip
def test_what_is_no_resource_is_named(text: bytes) -> None:
    if text == b'{"resourceType":"P"} ':
        assert elements.parse(text).type == "P"
        return
    with pytest.raises(MalformedJson):
        elements.parse(text)


def test_too_much_is_named() -> None:
    with pytest.raises(TooLarge):
        elements.parse(b" " * (bounds.RESOURCE_STATE_BYTES_MAX + 1))
    many = {f"a{i}": 1 for i in range(bounds.RESOURCE_ELEMENTS_MAX + 1)}
    with pytest.raises(TooLarge):
        elements.split(elements.parse(patient(**many)))
    with pytest.raises(TooLarge):
        json_text.check_value(b'"' + b"x" * bounds.VALUE_BYTES_MAX + b'"')


def test_time_and_memory_grow_with_size_alone() -> None:
    """Long lists of equal or of edited entries, and long strings, are done in linear time."""
    same = [{"system": "phone", "value": "1"}] * 9_000
    edited = [{"system": "phone", "value": "2"}] * 9_000
    long = b'{"a":"' + b"\\n" * 1_500_000 + b'","b":[' + b"[]," * 200 + b"1]}"
    started = time.process_time()
    state = created(patient(telecom=same))
    after, _ = written(state, patient(telecom=edited))
    assert after.elements.keys() == state.elements.keys()
    assert not json_text.depth_over(long, 3)
    assert time.process_time() - started < 5


@given(st.integers(0, 6), st.integers(1, 6), st.text('"\\[]{}a', max_size=8))
def test_depth_is_counted_outside_strings(depth: int, limit: int, inside: str) -> None:
    text = b"[" * depth + json.dumps(inside).encode() + b"]" * depth
    assert json_text.depth_over(text, limit) == (depth > limit)


def test_white_space_of_values_is_checked() -> None:
    json_text.check_value(b'{"a":1.00}')
    for wrong in (b'{"a": 1}', b"", b"{", b'"\\ud800"', b"\xff", b"[" * 200 + b"]" * 200):
        with pytest.raises(MalformedJson):
            json_text.check_value(wrong)


def holding(*values: tuple[str, bytes | None]) -> Resource:
    """A part that arrived with these values."""
    return Resource("P", "1", {key: Register((Sibling(stamp_of(1, 1, 0), v),), {1: 1}) for key, v in values})


BROKEN: list[list[tuple[str, bytes | None]]] = [
    [("a", b"{}")], [("a", b"1")], [("a", b'{"a": 1}')], [("a", b'{"a":1')], [("a", b'{"a":1},{"b":1}')], [("?", b"[]")],
    [("name|", b'{"a":1}')], [("name|", b"[1]")], [("name|0", b"1,2")], [("name|0", b"[1"), ("name|1", b"2],3")],
    [("name|0", b"1]"), ("name|1", b"[2")], [("name|0", b""), ("name|1", b"1 ")], [("~", None)], [("~", b"[]")],
    [("~", b'{"a":1}')], [("a", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}")], [("name|0", b"\xff")],
    [("name|0", b'"\\ud800"')], [("name|0", b"[" * 100_000)],
]  # fmt: skip


@pytest.mark.parametrize("values", BROKEN)
def test_values_that_could_not_be_shown_are_turned_away(values: list[tuple[str, bytes | None]]) -> None:
    with pytest.raises(MalformedData):
        elements.check_values(holding(("b", b'{"b":1}'), *values))


def test_of_many_parts_the_broken_ones_alone_are_told() -> None:
    fine = [holding(("b", b'{"b":1}'), ("name|0", b"[1]")), Resource("P", "1"), holding(("b", frame.WITHHELD))]
    halves = [holding(("name|0", b"[1")), holding(("name|0", b"2]")), holding(("name|0", b"1,2"))]
    parts = [one for values in BROKEN for one in (*fine, holding(*values))]
    assert [fault is None for fault in elements.check_each([*fine, *parts, *halves])] == [
        *(True for _ in fine),
        *(flag for _ in BROKEN for flag in (True, True, True, False)),
        *(False for _ in halves),
    ]
    assert elements.check_each(fine * elements.PARTS_TOGETHER) == [None] * 3 * elements.PARTS_TOGETHER
    assert elements.check_each([]) == []


def test_a_fault_in_one_part_is_what_is_told_of_it() -> None:
    (fault, none) = elements.check_each([holding(("name|0", b'"' + b"x" * bounds.VALUE_BYTES_MAX + b'"')), holding()])
    assert isinstance(fault, TooLarge)
    assert none is None


PIECES = st.lists(
    st.sampled_from([b"1", b"[1", b"2]", b'"a', b'b"', b"1,2", b'{"a":[', b"]}", b'"a,b"', b"2,[3]"]), max_size=4
)


@given(st.lists(PIECES, max_size=4))
def test_parts_are_judged_together_as_alone(several: list[list[bytes]]) -> None:
    parts = [holding(*((f"name|{i}", value) for i, value in enumerate(values))) for values in several]
    assert [fault is None for fault in elements.check_each(parts)] == [_taken(part) for part in parts]


def _taken(part: Resource) -> bool:
    try:
        elements.check_values(part)
    except (MalformedData, TooLarge):
        return False
    return True


def test_values_within_bounds_are_taken() -> None:
    deep = b"[" * (bounds.JSON_DEPTH_MAX - 2) + b"]" * (bounds.JSON_DEPTH_MAX - 2)
    state = created(b'{"resourceType":"P","id":"new","a":[' + deep + b"]}")
    elements.check_values(state)
    elements.check_values(
        holding(("a", None), ("name|", None), ("name|0", b'"x"'), ("~", b"{}"), ("b", frame.WITHHELD))
    )
    elements.check_values(Resource("P", "1"))
    with pytest.raises(TooLarge):
        elements.check_values(holding(("name|0", b'"' + b"x" * bounds.VALUE_BYTES_MAX + b'"')))


# --- equality ---------------------------------------------------------------------------------------------------------


@given(json_texts(), json_texts())
def test_same_is_equality_of_what_is_said(one: str, two: str) -> None:
    a, b = (json_text.compact(text.encode()) for text in (one, two))
    assert json_text.same(a, a)
    assert json_text.same(a, b) == json_text.same(b, a)
    assert json_text.same(a, b) == (exact(a) == exact(b))


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}', True),
        (b"[6.0,6.00]", b"[6.00,6.0]", False),
        (b"[true,1]", b"[1,true]", False),
        (b"[0,-0]", b"[-0,0]", False),
        (b"[1,10]", b"[10,1]", False),
        (b'[1,"1"]', b'["1",1]', False),
        (b"[12345678901234567890123]", b"[12345678901234567890124]", False),
        (b"[1e400]", b"[2e400]", False),
        (b'["1e5",""]', b'["",1e5]', False),
        (b'{"a":"Jo\\u00e3o\\/"}', '{"a":"João/"}'.encode(), True),
        (None, b"null", False),
        (None, None, True),
    ],
)
def test_digits_and_kinds_count(a: bytes | None, b: bytes | None, equal: bool) -> None:
    assert json_text.same(a, b) is equal


# --- the write --------------------------------------------------------------------------------------------------------


def test_a_resource_without_members_exists_and_can_be_deleted() -> None:
    state = created(b'{"resourceType":"Patient","id":"p1"}')
    assert state.elements
    assert json.loads(read(state)) == {"resourceType": "Patient", "id": "p1"}
    assert written(state, read(state, "v")) == (state, frozenset())
    deleted, _ = elements.delete(state, state, stamp_of(1, 1, 0))
    assert gone(deleted)
    filled, _ = written(state, patient(active=True))
    assert json.loads(read(filled)) == json.loads(patient(active=True))
    emptied, _ = written(filled, b'{"resourceType":"Patient","id":"p1"}', counter=3)
    assert json.loads(read(emptied)) == {"resourceType": "Patient", "id": "p1"}


@given(resources(1), BODIES)
def test_what_was_written_is_what_is_shown(one: list[Resource], choices: tuple[int, ...]) -> None:
    (state,) = one
    after, keys = written(state, body(choices), counter=9)
    assert exact(read(after)) == exact(body(choices))
    assert after.elements.keys() >= state.elements.keys()
    assert all(after.elements[key] == state.elements[key] for key in state.elements.keys() - keys)
    assert (after is state) == (not keys)


@given(resources(2), BODIES)
def test_a_write_against_an_old_version_keeps_what_came_since(ab: list[Resource], choices: tuple[int, ...]) -> None:
    older, newer = ab
    current, _ = join_resource(older, newer)
    after, keys = elements.write(current, older, elements.parse(body(choices)), "p1", stamp_of(NEW, 1, 0))
    alone, alone_keys = elements.write(older, older, elements.parse(body(choices)), "p1", stamp_of(NEW, 1, 0))
    # Writing at once, or writing apart and meeting later, is the same.
    assert pack.pack(after) == pack.pack(join_resource(current, alone)[0])
    assert keys == alone_keys


@given(BODIES, BODIES)
def test_two_edits_of_one_version_are_both_kept(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    start = created(body((1, 0, 1, 1, 0)))
    one, keys = written(start, body(left), 1, 1)
    two, others = written(start, body(right), 2, 1)
    both, _ = join_resource(one, two)
    listed = {conflict.element for conflict in disagreements(both)}
    for key in keys & others:
        values = {one.elements[key].shown.value, two.elements[key].shown.value}
        assert (key in listed) == (len(values) > 1)
    assert listed <= keys & others
    for key in keys - others:
        assert both.elements[key].shown == one.elements[key].shown


def test_absent_members_that_the_author_could_not_know_are_kept() -> None:
    state = created(patient(birthDate="1990", bloodGroup="A"))
    parsed = elements.parse(patient(active=True))
    after, _ = elements.write(state, state, parsed, "p1", stamp_of(1, 1, 0), lambda name: name != "bloodGroup")
    assert json.loads(read(after)) == json.loads(patient(active=True, bloodGroup="A"))


def test_an_author_who_saw_nothing_removes_nothing() -> None:
    state = created(patient(birthDate="1990", gender="male"))
    after, _ = elements.write(state, None, elements.parse(patient(gender="female")), "p1", stamp_of(1, 1, 0))
    assert json.loads(read(after))["birthDate"] == "1990"
    assert [c.element for c in disagreements(after)] == ["gender"]


def test_a_client_that_escapes_letters_or_orders_members_otherwise_changes_nothing() -> None:
    state = created(
        '{"resourceType":"Patient","id":"p1","name":[{"family":"João","text":"ę"}],"language":"pt é"}'.encode()
    )
    again = json.dumps({**json.loads(read(state)), "name": [{"text": "ę", "family": "João"}]}, ensure_ascii=True)
    assert written(state, again.encode()) == (state, frozenset())


def test_units_change_together() -> None:
    text = b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":6.0},"_valueQuantity":{"id":"a"},"status":"final"}'
    state = created(text)
    assert (
        state.elements["value[x]"].siblings[0].value == b'{"_valueQuantity":{"id":"a"},"valueQuantity":{"value":6.0}}'
    )
    absent = b'{"resourceType":"Observation","id":"o","dataAbsentReason":{"text":"lost"},"status":"final"}'
    after, keys = written(state, absent)
    assert keys == {"value[x]"}
    assert exact(read(after)) == exact(absent)
    # 6.0 and 6.00 are different statements.
    finer, keys = written(state, text.replace(b"6.0}", b"6.00}"))
    assert keys == {"value[x]"}
    assert b"6.00}" in read(finer)


@settings(max_examples=30)
@given(st.one_of(json_texts().map(str.encode), st.just(b"{}")), st.booleans())
def test_odd_meta_is_carried(meta: bytes, both: bool) -> None:
    text = b'{"resourceType":"P","id":"new","meta":%b%b}' % (meta, b',"_meta":{"id":"m"}' if both else b"")
    state = created(text)
    assert exact(read(state)) == expected(text)
    shown_meta = exact(read(state, "v1"))
    if isinstance(exact(meta), dict):
        assert shown_meta["meta"]["versionId"] == "v1"
        assert read(state, "v1").count(b'"versionId"') == 1
    assert written(state, read(state, "v1")) == (state, frozenset())


@pytest.mark.parametrize("version", [5, None, ["x"], {"a": 1}, True])
def test_a_version_that_is_no_text_is_dropped_too(version: object) -> None:
    parsed = elements.parse(patient(meta={"versionId": version, "lastUpdated": 5, "tag": []}))
    assert parsed.version is None
    assert json.loads(bytes(parsed.members["meta"])) == {"tag": []}
