"""What browsers send of long forms: read in both ways, bounded, and refused by name when it is anything else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.api.outcome import Refused
from edge_node.pages import card_pages, codes_on_cards, sending
from edge_node.pages.card_numbers import grouped
from edge_node.pages.card_numbers import read as read_number
from edge_node.programme import Programme
from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.edge.pages import clinic
from tests.edge.pages.server import KEY

PARTS = "multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, extra: str = "", head: str = "") -> bytes:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{head}\r\n'.encode() + content + b"\r\n"


def test_both_ways_of_sending_say_the_same() -> None:
    plain = sending.read("application/x-www-form-urlencoded; charset=utf-8", b"signs=fever&signs=fits&name=%E1%B9%A2")
    body = part("signs", b"fever") + part("signs", b"fits") + part("name", "Ṣ".encode()) + b"--xyz--\r\n"
    parts = sending.read(PARTS, body)
    assert plain.values == parts.values == {"signs": ("fever", "fits"), "name": ("Ṣ",)}
    assert parts.one("signs") == "fever"
    assert parts.one("other") == ""


def test_a_file_that_was_chosen_is_there_and_one_that_was_not_is_not() -> None:
    image = "Content-Type: image/png\r\n"
    body = (
        part("photo", b"\x89PNG", '; filename="a.png"', image)
        + part("none", b"", '; filename=""', image)
        + b"--xyz--\r\n"
    )
    sent = sending.read(PARTS, body)
    assert list(sent.files) == ["photo"]
    assert (sent.files["photo"].media_type, sent.files["photo"].content) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (None, b"", 415),
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 415),
        (PARTS, b"--xyz\r\nnonsense", 400),
        (PARTS, part("a", b"never ends"), 400),
        (PARTS, part("a", b"1", head="Content-Type: text/plain; charset=none\r\n") + b"--xyz--\r\n", 400),
        (PARTS, part("a", b"1") * (sending.FIELDS_MAX + 1) + b"--xyz--\r\n", 400),
        (PARTS, part("a", b"x" * (sending.TEXT_BYTES_MAX + 1)) + b"--xyz--\r\n", 400),
        ("application/x-www-form-urlencoded", b"a=1&" * (sending.FIELDS_MAX + 1), 400),
        ("application/x-www-form-urlencoded", b"a=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
    ],
)
def test_what_our_forms_do_not_send_is_refused(content_type: str | None, body: bytes, status: int) -> None:
    with pytest.raises(Refused) as raised:
        sending.read(content_type, body)
    assert raised.value.status == status


@given(st.binary().filter(lambda body: b"--xyz" not in body))
def test_no_bytes_are_more_than_refused(body: bytes) -> None:
    with pytest.raises(Refused) as raised:
        sending.read(PARTS, body)
    assert raised.value.status == 400


def test_a_number_is_read_however_it_is_written_and_a_wrong_digit_is_found() -> None:
    number = "115936163817"
    assert grouped(number) == "1159 3616 3817"
    for typed in (number, "1159 3616 3817", "1159-3616-3817", "١١٥٩ ٣٦١٦ ٣٨١٧"):
        assert read_number(typed) == number
    for place in range(12):
        for digit in set("0123456789") - {number[place]}:
            assert read_number(number[:place] + digit + number[place + 1 :]) is None
        swapped = number[:place] + number[place + 1 : place + 2] + number[place] + number[place + 2 :]
        assert read_number(swapped) in (None, number)
    for typed in ("", "12", "abc", "1159 3616 38170"):
        assert read_number(typed) is None


def test_what_is_no_number_of_ours_is_not_printed_on_a_card() -> None:
    def patient(*values: str) -> dict[str, object]:
        return {"identifier": [{"system": numbers.SYSTEM, "value": value} for value in values]}

    assert card_pages.card_number(patient("115936163817")) == "115936163817"
    assert card_pages.card_number(patient("1159361638170", "115936163817")) == "115936163817"
    assert card_pages.card_number(patient("115936163818")) == ""
    assert card_pages.card_number({"identifier": [{"system": "urn:other", "value": "115936163817"}]}) == ""


def test_a_code_that_is_twice_in_a_picture_finds_one_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "115936163817"
    monkeypatch.setattr(codes_on_cards, "found", lambda photo: [number, number, "a poster"])
    sent = sending.read(PARTS, part("photo", b"a picture", '; filename="a.png"') + b"--xyz--\r\n")
    with Store.open(tmp_path / "node", KEY, Programme(), create=True) as store:
        identifier = [{"system": numbers.SYSTEM, "value": number}]
        clinic.write(store, {"resourceType": "Patient", "id": "p", "identifier": identifier})
        looked = card_pages._look(store, sent, clinic.START_MS)
    assert [one.id for one in looked.people] == ["p"]
