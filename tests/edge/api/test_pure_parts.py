"""The parts without a store: headers, routes, cursors, tokens, throttle, references, subsets, errors."""

import contextlib
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node import errors
from edge_node.api import media, outcome, places, preconditions, subset
from edge_node.api.cursor import Sealer
from edge_node.api.outcome import Refused
from edge_node.api.references import Placeholders, rewrite
from edge_node.api.routes import TABLE, instance, route, segments
from edge_node.api.service import time_ordered_id
from edge_node.api.throttle import ADDRESS, BOTH, Throttle
from edge_node.api.tokens import Tokens
from edge_node.errors import TooManyTries, Unauthorised
from sync_protocol import errors as protocol_errors
from tests.edge.api.conftest import Clock

# --- headers ---


@pytest.mark.parametrize("header", ['W/"abc"', '"abc"', "abc", "W/abc", ' W/"abc" '])
def test_a_version_is_understood_however_it_is_quoted(header: str) -> None:
    assert preconditions.if_match({"if-match": header}) == "abc"


@pytest.mark.parametrize("header", ['"a" "b"', 'W/"a', '"a","b"'])
def test_a_malformed_or_ambiguous_version_is_refused(header: str) -> None:
    with pytest.raises(Refused):
        preconditions.if_match({"if-match": header})


def test_unchanged_looks_at_the_version_first_and_else_at_the_time() -> None:
    at = 1_750_000_000_500
    assert preconditions.unchanged({"if-none-match": 'W/"a", "b"'}, "b", at)
    assert not preconditions.unchanged(
        {"if-none-match": '"a"', "if-modified-since": "Sun, 15 Jun 2035 15:06:40 GMT"}, "b", at
    )
    assert preconditions.unchanged({"if-modified-since": preconditions.last_modified(at)}, "b", at)
    assert not preconditions.unchanged({"if-modified-since": "Sun, 15 Jun 2025 15:06:39 GMT"}, "b", at)
    assert not preconditions.unchanged({"if-modified-since": "yesterday"}, "b", at)


def test_preferences_are_read_and_unknown_ones_passed_over() -> None:
    read = preconditions.preferences({"prefer": "return=minimal; handling=strict, wait=10"})
    assert (read.returned, read.handling) == ("minimal", "strict")
    assert preconditions.preferences({"prefer": "return=OperationOutcome"}).returned == "OperationOutcome"
    assert preconditions.preferences({"prefer": "return=all"}).returned == "representation"


@pytest.mark.parametrize(
    "accept", ["*/*", "application/fhir+json", "application/json;q=0.5, text/xml", "text/html,*/*;q=0.8", ""]
)
def test_who_takes_json_is_answered(accept: str) -> None:
    media.check_accept({"accept": accept})


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/turtle, application/json;q=0"])
def test_who_takes_no_json_is_told(accept: str) -> None:
    with pytest.raises(Refused) as caught:
        media.check_accept({"accept": accept})
    assert caught.value.status == 406


def test_the_host_is_what_an_address_is_made_of_only_when_it_is_a_host() -> None:
    assert places.origin("http", {"host": "clinic.local:8080"}) == "http://clinic.local:8080"
    assert places.origin("https", {"host": "[fe80::1]:443"}) == "https://[fe80::1]:443"
    for host in ("evil.test/x", "a b", 'x"onload=', ""):
        with pytest.raises(Refused):
            places.origin("http", {"host": host})


# --- routes ---


@pytest.mark.parametrize(
    ("method", "path", "interaction"),
    [
        ("GET", "", "search"),
        ("POST", "/", "bundle"),
        ("GET", "/metadata", "capabilities"),
        ("GET", "/_history", "history"),
        ("GET", "/Patient", "search"),
        ("POST", "/Patient/", "create"),
        ("POST", "/Patient/_search", "search"),
        ("PUT", "/Patient", "conditional-update"),
        ("GET", "/Patient/a.b-C", "read"),
        ("HEAD", "/Patient/p", "read"),
        ("PATCH", "/Patient/p", "patch"),
        ("GET", "/Patient/p/_history/1", "vread"),
        ("GET", "/Patient/p/$everything", "operation"),
        ("GET", "/Patient/p/Observation", "search"),
        ("POST", "/Patient/p/Observation/_search", "search"),
        ("GET", "/Patient/p/*", "search"),
    ],
)
def test_paths_lead_to_interactions(method: str, path: str, interaction: str) -> None:
    found = route(method, segments(path))
    assert found.interaction == interaction
    assert instance(method, path) == (found if (method, interaction) == ("GET", "read") else None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/patient", 404),
        ("GET", "/Patient/a_b", 404),
        ("GET", "/Patient/" + "a" * 65, 404),
        ("GET", "/Patient/p/_history/1/2", 404),
        ("GET", "/Patient/..%2fx", 404),
        ("PUT", "/Patient/p/_history", 405),
        ("POST", "/Patient/p", 405),
        ("DELETE", "/metadata", 405),
        ("BREW", "/Patient/p", 405),
    ],
)
def test_other_paths_and_methods_are_refused(method: str, path: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        route(method, segments(path))
    assert caught.value.status == status
    assert status == 404 or caught.value.what.startswith("/fhir/")


@given(st.text(max_size=80), st.sampled_from(["GET", "POST", "PUT"]))
def test_any_path_is_routed_or_refused(path: str, method: str) -> None:
    with contextlib.suppress(Refused):
        found = route(method, segments(path))
        assert instance(method, path) in (None, found)
        assert found.interaction in {name for methods in TABLE.values() for name in methods.values()}
        assert not any(part in found.template for part in segments(path) if len(part) > 12)


# --- cursors, tokens, throttle, ids ---


@given(st.text(max_size=200), st.text(max_size=20))
def test_a_cursor_opens_for_whom_it_was_sealed(text: str, user: str) -> None:
    sealer = Sealer(bytes(32), os.urandom)
    sealed = sealer.seal([text, 7], user)
    assert sealer.open(sealed, user, list[object]) == [text, 7]
    assert len(text) < 6 or text not in sealed
    with pytest.raises(Refused):
        sealer.open(sealed, user + "x", list[object])


@given(st.text(max_size=60))
def test_a_cursor_that_was_not_sealed_here_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Sealer(bytes(32), os.urandom).open(text, "ama", list[object])


def test_a_token_is_good_until_it_ends_or_is_given_back() -> None:
    clock = Clock()
    tokens = Tokens(bytes(32), clock, os.urandom, 60)
    token, other = tokens.issue("ama", "clinician"), tokens.issue("ama", "clinician")
    assert tokens.check(token).sub == "ama"
    tokens.revoke(token)
    with pytest.raises(Unauthorised):
        tokens.check(token)
    again = Tokens(bytes(32), clock, os.urandom, 60)
    again.remember_revoked(tokens.revoked)
    with pytest.raises(Unauthorised):
        again.check(token)
    assert again.check(other).role == "clinician"
    clock.forward(61)
    with pytest.raises(Unauthorised):
        again.check(other)


def test_a_token_that_was_touched_is_refused() -> None:
    tokens = Tokens(bytes(32), Clock(), os.urandom, 60)
    token = tokens.issue("ama", "clinician")
    header, payload, mac = token.split(".")
    forged = [
        f"{header}.{payload[:-2]}AA.{mac}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        "",
        "..",
        token + "x",
        "é.é.é",
    ]
    forged.append(Tokens(bytes([1] * 32), Clock(), os.urandom, 60).issue("ama", "clinician"))
    forged.append(f"eyJhbGciOiJub25lIn0.{payload}.")
    for text in forged:
        with pytest.raises(Unauthorised):
            tokens.check(text)


def test_wrong_tries_are_bounded_and_come_back_with_time() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(BOTH.tries):
        throttle.take("ama", "10.0.0.1")
    with pytest.raises(TooManyTries):
        throttle.take("ama", "10.0.0.1")
    throttle.take("kofi", "10.0.0.1")
    throttle.take("ama", "10.0.0.2")
    clock.forward(31)
    throttle.take("ama", "10.0.0.1")
    throttle.give_back("ama", "10.0.0.1")
    for _ in range(BOTH.tries):
        throttle.take("ama", "10.0.0.1")


def test_a_machine_that_guesses_many_names_is_held() -> None:
    throttle = Throttle(Clock())
    for number in range(ADDRESS.tries):
        throttle.take(f"user{number}", "10.0.0.1")
    with pytest.raises(TooManyTries):
        throttle.take("another", "10.0.0.1")


def test_ids_are_of_version_7_and_in_order_of_time() -> None:
    made = [time_ordered_id(ms, os.urandom) for ms in range(1_750_000_000_000, 1_750_000_000_050)]
    assert made == sorted(made)
    assert all(len(one) == 36 and one[14] == "7" and one[19] in "89ab" for one in made)


# --- references ---


def no_search(reference: str) -> str:
    raise AssertionError(reference)


def test_references_to_entries_become_names_and_nothing_else_changes() -> None:
    names = Placeholders()
    names.add("urn:uuid:1", "Patient/p")
    names.add("http://other.test/fhir/Patient/7", "Patient/seven")
    body = (
        b'{"resourceType":"Observation","valueQuantity":{"value":10.50},"subject":{"reference":"urn:uuid:1"},'
        b'"performer":[{"reference":"Patient/7"},{"reference":"Patient/8"},{"reference":"#x"}],'
        b'"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}],'
        b'"text":{"div":"<div><a href=\\"urn:uuid:1\\">x</a> urn:uuid:1</div>"},"extension":[{"url":"u","valueUri":"urn:uuid:1"}]}'
    )
    own = "http://other.test/fhir/Observation/1"
    expected = (
        body.replace(b'"reference":"urn:uuid:1"', b'"reference":"Patient/p"')
        .replace(b'href=\\"urn:uuid:1', b'href=\\"Patient/p')
        .replace(b'"reference":"Patient/7"', b'"reference":"Patient/seven"')
        .replace(b'"valueUri":"urn:uuid:1"', b'"valueUri":"Patient/p"')
    )
    assert rewrite(body, own, names, no_search) == expected
    untouched = b'{"resourceType":"Basic", "a":1.0, "subject":{"reference":"Patient/9"}}'
    assert rewrite(untouched, "urn:uuid:2", names, no_search) is untouched


def test_a_conditional_reference_is_looked_up() -> None:
    body = b'{"subject":{"reference":"Patient?identifier=s|1"}}'
    assert (
        rewrite(body, None, Placeholders(), lambda reference: "Patient/found")
        == b'{"subject":{"reference":"Patient/found"}}'
    )


# --- subsets ---


BODY = (
    b'{"resourceType":"Observation","id":"o","meta":{"versionId":"1"},"text":{"status":"empty","div":"<div/>"},"status":"final",'
    b'"code":{"text":"Hb"},"valueQuantity":{"value":10.50},"note":[{"text":"n"}]}'
)


def test_a_subset_has_what_was_asked_for_and_what_is_mandatory_and_says_so() -> None:
    shown = msgspec.json.decode(subset.part(BODY, ["value"], "false"))
    assert set(shown) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert shown["meta"]["tag"] == [subset.MARK]
    assert subset.is_part(subset.part(BODY, ["value"], "false"))
    assert not subset.is_part(BODY)
    assert b"10.50" in subset.part(BODY, [], "data")
    assert "text" not in msgspec.json.decode(subset.part(BODY, [], "data"))
    assert "note" not in msgspec.json.decode(subset.part(BODY, [], "text"))
    assert subset.part(BODY, [], "false") is BODY


# --- errors ---


def tree(base: type[Exception]) -> list[type[Exception]]:
    return [base, *(below for one in base.__subclasses__() for below in tree(one))]


@pytest.mark.parametrize("kind", [*tree(errors.EdgeError), *tree(protocol_errors.ProtocolError)])
def test_every_error_has_an_answer_that_says_what_to_do(kind: type[Exception]) -> None:
    made: dict[type[Exception], tuple[object, ...]] = {errors.InvalidResource: ([],), errors.VersionConflict: (None,)}
    error = kind(*made.get(kind, ("it failed",)))
    problem = msgspec.json.decode(outcome.as_problem(error).body)
    assert 400 <= problem["status"] < 600
    assert problem["hint"]
    told = msgspec.json.decode(outcome.as_outcome(error).body)
    assert told["resourceType"] == "OperationOutcome"
    assert told["issue"][0]["diagnostics"]


def test_what_was_not_foreseen_tells_nothing_of_itself() -> None:
    for answered in (
        outcome.as_outcome(KeyError("Ama Owusu")),
        outcome.as_problem(ValueError("Ama Owusu")),
    ):
        assert answered.status == 500
        assert b"Ama" not in answered.body
