"""A file cut into parts is the same file again, or none."""

import base64
import io
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_node.documents import kinds, parts
from edge_node.documents.kinds import Kept, NoDocument
from edge_node.forms.answers import Upload
from edge_node.pages import upload_pages
from edge_node.pages.sending import Sending
from edge_node.programme import Programme
from edge_node.store import uploads
from edge_node.store.store import Store
from sync_protocol import elements
from tests.edge.pages.server import KEY


def cut(content: bytes) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    ids = count(1)
    made = parts.cut(Kept(kinds.PDF, content), "A report", "2026-06-10", "Patient/p", lambda: f"b{next(ids)}")
    return {"resourceType": "DocumentReference", "content": list(made.content)}, dict(made.binaries)


@given(st.integers(0, 3 * parts.PART_BYTES))
@settings(max_examples=10, deadline=None)
def test_what_was_cut_comes_together(size: int) -> None:
    content = os.urandom(size)
    document, binaries = cut(content)
    assert parts.join(document, binaries.get) == content
    assert len(binaries) == max(1, -(-size // parts.PART_BYTES))
    assert all(body["securityContext"] == {"reference": "Patient/p"} for body in binaries.values())


def test_a_single_part_is_named_as_fhir_has_it_and_several_promise_no_whole() -> None:
    assert parts.attachment_of(cut(b"%PDF-1.4")[0])["url"] == "Binary/b1"
    assert "url" not in parts.attachment_of(cut(bytes(parts.PART_BYTES + 1))[0])


def test_a_part_that_is_missing_changed_or_in_another_place_gives_no_file() -> None:
    document, binaries = cut(os.urandom(parts.PART_BYTES + 10))
    with pytest.raises(parts.Broken) as missing:
        parts.join(document, {"b1": binaries["b1"]}.get)
    assert missing.value.missing == ("b2",)
    changed = {**binaries, "b2": {**binaries["b2"], "data": base64.b64encode(bytes(10)).decode()}}
    swapped = {"b1": binaries["b2"], "b2": binaries["b1"]}
    garbled = {**binaries, "b2": {**binaries["b2"], "data": "%%%"}}
    for others in (changed, swapped, garbled):
        with pytest.raises(parts.Broken) as broken:
            parts.join(document, others.get)
        assert broken.value.missing == ()


def test_the_largest_part_is_within_the_bounds_of_a_resource() -> None:
    _document, binaries = cut(os.urandom(parts.PART_BYTES))
    body = {"resourceType": "Binary", "id": "b1", **binaries["b1"]}

    assert elements.parse(msgspec.json.encode(body)).members


def picture(kind: str, **saved: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3200, 1600), "teal").save(file, kind, **saved)
    return file.getvalue()


def test_pictures_are_drawn_anew_without_what_the_camera_wrote() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera of hers"
    kept = kinds.kept(picture("JPEG", exif=exif))
    assert (kept.media_type, b"A camera of hers" in kept.content) == ("image/jpeg", False)
    with Image.open(io.BytesIO(kept.content)) as large, Image.open(io.BytesIO(kept.thumbnail)) as small:
        assert max(large.size) == kinds.LONG_SIDE_PIXELS
        assert max(small.size) == kinds.THUMBNAIL_PIXELS
    assert kinds.kept(picture("PNG")).media_type == "image/jpeg"


@pytest.mark.parametrize(
    "content", [b"", b"<script>alert(1)</script>", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_is_neither_a_picture_nor_a_pdf_is_not_taken(content: bytes) -> None:
    with pytest.raises(NoDocument):
        kinds.kept(content)


# --- chunks on their way ----------------------------------------------------------------------------------------------


def test_chunks_come_in_any_order_again_and_after_a_restart(tmp_path: Path) -> None:
    content = os.urandom(2 * uploads.CHUNK_BYTES + 7)
    chunks = [content[at : at + uploads.CHUNK_BYTES] for at in range(0, len(content), uploads.CHUNK_BYTES)]
    with Store.open(tmp_path, KEY, Programme(), create=True) as store, store.transaction() as connection:
        for number in (2, 0, 2):
            assert uploads.put(connection, "ama", "t", number, chunks[number], 1000)
        assert uploads.joined(connection, "ama", "t", 3) is None
    with Store.open(tmp_path, KEY, Programme()) as store, store.transaction() as connection:
        assert list(uploads.have(connection, "ama", "t")) == [0, 2]
        assert uploads.have(connection, "kofi", "t") == {}, "another user's"
        assert uploads.put(connection, "ama", "t", 1, chunks[1], 2000)
        assert uploads.joined(connection, "ama", "t", 3) == content
        uploads.drop(connection, "ama", "t")
        assert uploads.have(connection, "ama", "t") == {}


def test_what_is_too_large_is_not_kept_and_what_is_old_goes(tmp_path: Path) -> None:
    with Store.open(tmp_path, KEY, Programme(), create=True) as store, store.transaction() as connection:
        assert not uploads.put(connection, "ama", "t", 0, bytes(uploads.CHUNK_BYTES + 1), 0)
        assert not uploads.put(connection, "ama", "t", uploads.CHUNKS_MAX, b"x", 0)
        assert uploads.put(connection, "ama", "old", 0, b"x", 0)
        assert uploads.put(connection, "ama", "new", 0, b"x", uploads.KEPT_MS + 1)
        assert uploads.have(connection, "ama", "old") == {}


def test_a_form_is_given_the_files_that_it_asks_for_and_no_others(tmp_path: Path) -> None:
    token = "0" * 16
    sent = Sending(dict.fromkeys(("paper.upload", "other.upload"), (f"{token} 1",)), {"photo": Upload("", "", b"y")})
    with Store.open(tmp_path, KEY, Programme(), create=True) as store:
        with store.transaction() as connection:
            assert uploads.put(connection, "ama", token, 0, b"x", 0)
        files = upload_pages.received(store, "ama", sent, ["paper"])
        assert {name: file.content for name, file in files.items()} == {"paper": b"x", "photo": b"y"}
        assert list(upload_pages.received(store, "kofi", sent, ["paper"])) == ["photo"], "another user's"
