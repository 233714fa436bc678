"""The history of a record is told in words: who wrote what, where, what it replaced and what it stands beside."""

import base64
import json

import pytest

from edge_node.language.readers import reading
from edge_node.pages import histories
from edge_node.pages.disputes import said_of
from edge_node.store.lineage import Entry, Lineage
from sync_protocol.register import Stamp

NOW = 1_750_000_000_000


def entry(value: bytes | None, user: str, fate: str, **more: object) -> Entry:
    stamp = Stamp(1, 1, NOW - 3_600_000, NOW - 3_600_000, user, "midwife")
    return Entry(value, stamp, NOW - 3_600_000, True, fate, **more)  # type: ignore[arg-type]


def test_what_was_replaced_names_who_did_it_and_what_stands_there_now() -> None:
    lineage = Lineage(
        "birthDate",
        (
            entry(b'{"birthDate":"1990-01-01"}', "ama", "replaced", by=(1,)),
            entry(b'{"birthDate":"1991-01-01"}', "esi", "shown", replaced=(0,)),
        ),
    )
    (told,) = histories.elements("Patient", [lineage], NOW)
    latest, first = told.steps
    assert (told.title, latest.said, latest.who) == ("Date of birth", "1 January 1991", "esi (midwife)")
    assert (latest.instead_of, latest.fate_said) == ("1 January 1990", "This is what is shown now.")
    assert first.fate_said == "Replaced by esi: 1 January 1991"


@pytest.mark.parametrize(
    ("element", "title"),
    [("encounter", "Visit"), ("episodeOfCare", "Episode of care"), ("location", "Place"), ("subject", "Patient")],
)
def test_an_element_that_points_to_a_record_is_called_by_its_kind_in_the_readers_language(
    element: str, title: str
) -> None:
    value = f'{{"{element}":{{"reference":"X/1"}}}}'.encode()
    lineage = Lineage(element, (entry(value, "ama", "shown"),))
    (told,) = histories.elements("Observation", [lineage], NOW)
    assert told.title == title
    with reading("fr"):
        (told,) = histories.elements("Observation", [lineage], NOW)
    assert told.title != title or element == "subject"


def test_what_another_device_wrote_late_with_a_wrong_clock_says_so() -> None:
    stamp = Stamp(1, 1, NOW - 3_600_000, NOW + 90 * 86_400_000, "kofi", "clinician")
    lineage = Lineage("gender", (Entry(b'{"gender":"female"}', stamp, NOW, False, "shown"),))
    (told,) = histories.elements("Patient", [lineage], NOW)
    assert told.steps[0].where == "at another place"
    assert told.steps[0].came.startswith("today at")
    assert "ahead" in told.steps[0].doubt or "fast" in told.steps[0].doubt


def test_what_changed_comes_before_what_did_not_and_orders_of_lists_are_not_told() -> None:
    once = Lineage("gender", (entry(b'{"gender":"female"}', "ama", "shown"),))
    twice = Lineage("active", (entry(b'{"active":true}', "ama", "replaced", by=(1,)), entry(None, "esi", "shown")))
    order = Lineage("name|", (entry(b"[]", "ama", "shown"),))
    told = histories.elements("Patient", [once, order, twice], NOW)
    assert [(one.title, one.steps[0].said) for one in told] == [("In use", "Removed"), ("Sex", "Female")]


@pytest.mark.parametrize(
    ("element", "value", "said"),
    [
        ("encounter", b'{"encounter":{"reference":"urn:uuid:1"}}', "Record"),
        ("performer", b'{"performer":[{"actor":{"reference":"https://a.example/Practitioner/1"}}]}', "Health worker"),
        ("subject", b'{"subject":{"reference":"Patient/1"}}', "Patient"),
        ("url", b'{"url":"https://a.example"}', "No words for this value"),
    ],
)
def test_a_record_that_is_pointed_to_and_not_known_here_is_said_by_its_kind(
    element: str, value: bytes, said: str
) -> None:
    assert said_of("Observation", element, value) == said


def test_a_notes_history_says_what_was_written_and_no_codes() -> None:
    text = base64.b64encode(b"The baby moves well.").decode()
    note = {"attachment": {"contentType": "text/plain; charset=utf-8", "data": text, "title": "Note"}}
    elements = {
        "content": [note],
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}],
        "docStatus": "final",
        "author": [{"display": "Esi"}],
    }
    lineages = [
        Lineage(name, (entry(json.dumps({name: value}).encode(), "esi", "shown"),)) for name, value in elements.items()
    ]
    told = histories.elements("DocumentReference", lineages, NOW)
    assert {one.title: one.steps[0].said for one in told} == {
        "What it says": "Note: The baby moves well.",
        "In place of": "Document",
        "Written by": "Esi",
    }


def test_a_files_history_says_its_title_alone() -> None:
    file = {"attachment": {"contentType": "image/png", "data": "aGk=", "title": "Scan"}}
    lineage = Lineage("content", (entry(json.dumps({"content": [file]}).encode(), "esi", "shown"),))
    (told,) = histories.elements("DocumentReference", [lineage], NOW)
    assert told.steps[0].said == "Scan"
