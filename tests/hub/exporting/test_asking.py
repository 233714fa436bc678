"""What a kick-off may ask for."""

from datetime import UTC, datetime

import pytest

from hub.errors import BadRequest
from hub.exporting.asking import Asked, text, understood

ASYNC = {"prefer": "respond-async", "accept": "application/fhir+json"}


def test_what_is_asked_for_is_understood() -> None:
    since = datetime(2026, 3, 1, 7, tzinfo=UTC)
    parameters = [
        ("_type", "Patient, Observation"),
        ("_type", "Patient,"),
        ("_since", "2026-03-01T08:00:00+01:00"),
        ("_outputFormat", "application/fhir+ndjson"),
    ]
    asked = understood(parameters, ASYNC)
    assert asked == Asked(
        ("Observation", "Patient"), since, "_type=Observation%2CPatient&_since=2026-03-01T07%3A00%3A00.000Z"
    )
    assert understood([], {"prefer": "handling=strict, respond-async"}) == Asked((), None, "")


@pytest.mark.parametrize("since", ["2026-03-01T08:00:00 01:00", "2026-03-01T07:00:00Z", "2026-03-01T07:00:00.000Z"])
def test_an_instant_in_any_form(since: str) -> None:
    assert understood([("_since", since)], ASYNC).since == datetime(2026, 3, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "format_", ["application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson"]
)
def test_every_name_of_the_one_format(format_: str) -> None:
    assert understood([("_outputFormat", format_)], ASYNC).types == ()


@pytest.mark.parametrize(
    "parameters",
    [
        [("_outputFormat", "text/csv")],
        [("_since", "yesterday")],
        [("_since", "2026-03-01T08:00:00")],
        [("_since", "9" * 1000)],
        [("_type", "patient")],
        [("_type", "Patient';--")],
        [("_type", ",".join(f"T{'a' * n}" for n in range(1, 300)))],
        [("_typeFilter", "Patient?active=true")],
        [("includeAssociatedData", "x")],
    ],
)
def test_what_means_nothing_is_refused(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest):
        understood(parameters, ASYNC)


@pytest.mark.parametrize("headers", [{}, {"prefer": "wait=5"}, {**ASYNC, "accept": "text/html, application/json"}])
def test_the_headers_that_the_specification_asks_for(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        understood([], headers)


def test_who_is_lenient_gets_what_is_understood() -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    assert understood([("_typeFilter", "x"), ("_type", "Patient")], lenient).types == ("Patient",)


def test_an_instant_is_told_rounded_down() -> None:
    """So that nothing which was stored in the same millisecond is passed over by who asks with it again."""
    assert text(datetime(2026, 3, 1, 7, 0, 0, 999_999, tzinfo=UTC)) == "2026-03-01T07:00:00.999Z"
