"""A write changes what its author changed, against what its author saw, all of it or nothing."""

import json

import pytest

from edge_node.errors import AlreadyExists, InvalidResource, NotFound, VersionConflict
from edge_node.store.model import Write
from edge_node.store.store import Store
from sync_protocol.resource import ALIVE, DELETION
from tests.edge.store.nodes import AMA, KOFI, NOW, observation, patient, put, shown


def test_what_was_written_is_read_digit_for_digit(store: Store) -> None:
    put(store, "Observation", "o", observation("Patient/p", "10.500"))
    stored = store.read("Observation", "o")
    assert stored is not None
    assert b'"value":10.500,' in (stored.body or b"")


def test_a_new_resource_gets_an_id_a_version_and_a_time(store: Store) -> None:
    (written,) = store.write([Write("Patient", None, patient(gender="female"))], AMA, NOW)
    assert written.created
    body = json.loads(written.stored.body or b"")
    assert body["id"] == written.stored.id
    assert body["meta"] == {"versionId": written.stored.version, "lastUpdated": "2025-06-15T15:06:40.000Z"}


def test_writing_the_same_again_changes_nothing(store: Store) -> None:
    first = put(store, "Patient", "p", patient(gender="female"))
    again = put(store, "Patient", "p", patient(gender="female"))
    assert (again.changed, again.stored.version) == (False, first.stored.version)
    assert store.status().pending == 1
    assert len(store.history("Patient", "p")) == 1


def test_both_values_survive_when_two_people_changed_the_same_without_seeing_each_other(store: Store) -> None:
    first = put(store, "Patient", "p", patient(birthDate="1990-01-01", gender="female"))
    put(store, "Patient", "p", patient(birthDate="1991-01-01", gender="female"), seen=first.stored.version)
    late = put(
        store,
        "Patient",
        "p",
        patient(birthDate="1992-01-01", gender="female"),
        seen=first.stored.version,
        by=KOFI,
        at=NOW + 1,
    )
    assert late.stored.conflict
    (conflict,) = store.conflicts()
    assert (conflict.name, [v.user for v in conflict.values]) == ("birthDate", ["kofi", "ama"])
    assert shown(store.read("Patient", "p"))["birthDate"] == "1992-01-01"


def test_a_stale_write_leaves_what_it_did_not_touch(store: Store) -> None:
    first = put(store, "Patient", "p", patient(birthDate="1990-01-01", gender="female"))
    put(store, "Patient", "p", patient(birthDate="1991-01-01", gender="female"), seen=first.stored.version)
    put(store, "Patient", "p", patient(birthDate="1990-01-01", gender="male"), seen=first.stored.version, by=KOFI)
    assert shown(store.read("Patient", "p")) == {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "1991-01-01",
        "gender": "male",
    }
    assert store.conflicts() == []


def test_the_version_in_the_body_counts_as_seen(store: Store) -> None:
    mine = json.loads(put(store, "Patient", "p", patient(birthDate="1990-01-01")).stored.body or b"")
    put(store, "Patient", "p", patient(birthDate="1991-01-01"))
    put(store, "Patient", "p", json.dumps({**mine, "birthDate": "1992-01-01"}).encode(), by=KOFI)
    assert len(store.conflicts()) == 1


@pytest.mark.parametrize(("seen", "note"), [(None, '{"seen":"latest"}'), ("0123456789abcdef", '{"seen":"unknown"}')])
def test_a_write_without_a_known_version_is_audited_as_such(store: Store, seen: str | None, note: str) -> None:
    put(store, "Patient", "p", patient(gender="female"))
    put(store, "Patient", "p", patient(gender="male"), seen=seen)
    entry = store.audit("Patient", "p")[0]
    assert (entry.action, entry.user, entry.detail) == ("update", "ama", note)


def test_resolving_closes_a_conflict(store: Store) -> None:
    first = put(store, "Patient", "p", patient(birthDate="1990-01-01"))
    for date in ("1991-01-01", "1992-01-01"):
        put(store, "Patient", "p", patient(birthDate=date), seen=first.stored.version)
    (conflict,) = store.conflicts()
    value = bytes(conflict.values[1].value or b"")
    with pytest.raises(VersionConflict):
        store.resolve("Patient", "p", conflict.element, value, KOFI, NOW, seen=first.stored.version)
    assert len(store.conflicts()) == 1
    written = store.resolve("Patient", "p", conflict.element, value, KOFI, NOW, seen=conflict.version)
    assert not written.stored.conflict
    assert store.conflicts() == []
    assert store.audit()[0].action == "resolve"


@pytest.mark.parametrize(
    "value",
    [
        b"1990",
        b'{"birthDate":',
        b'{"birthDate": "1990"}',
        b'{"birthDate":"soon"}',
        b'{"gender":"male"}',
        b'{"birthDate":"1990","gender":"male"}',
        b"{}",
    ],
)
def test_resolving_with_what_is_no_value_is_refused(store: Store, value: bytes) -> None:
    put(store, "Patient", "p", patient(birthDate="1990-01-01"))
    with pytest.raises(InvalidResource):
        store.resolve("Patient", "p", "birthDate", value, AMA, NOW)


def test_resolving_removes_nothing_that_a_resource_must_have(store: Store) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueString":"x"}'
    put(store, "Observation", "o", body)
    with pytest.raises(InvalidResource):
        store.resolve("Observation", "o", "code", None, AMA, NOW)
    assert store.resolve("Observation", "o", "code", b'{"code":{"text":"b"}}', AMA, NOW).changed


def test_if_match_names_the_present_version_or_nothing_happens(store: Store) -> None:
    first = put(store, "Patient", "p", patient(gender="female"))
    second = put(store, "Patient", "p", patient(gender="male"))
    stale = Write("Patient", "p", patient(gender="other"), seen=first.stored.version, if_match=True)
    with pytest.raises(VersionConflict) as refused:
        store.write([stale], AMA, NOW)
    assert refused.value.present == second.stored.version
    with pytest.raises(VersionConflict):
        store.write([Write("Patient", "none", patient(), seen="0" * 16, if_match=True)], AMA, NOW)


def test_one_bad_write_undoes_all_of_them(store: Store) -> None:
    before = store.status()
    writes = [Write("Patient", "p", patient(gender="female")), Write("Patient", "gone", None)]
    with pytest.raises(NotFound):
        store.write(writes, AMA, NOW)
    assert store.read("Patient", "p") is None
    assert store.status() == before
    assert store.audit() == []


def test_a_resource_that_is_not_valid_is_refused_with_the_issues(store: Store) -> None:
    with pytest.raises(InvalidResource) as refused:
        put(store, "Patient", "p", patient(birthDate="not a date"))
    assert [issue.expression for issue in refused.value.issues] == ["Patient.birthDate"]
    for body in (b"{", b"[]", b"\xff", b'{"resourceType":"Observation"}', b'{"resourceType":"Patient","id":"other"}'):
        with pytest.raises(InvalidResource):
            put(store, "Patient", "p", body)
    assert store.status().resources == 0


def test_what_is_unknown_is_kept_flagged_and_not_removed_by_absence(store: Store) -> None:
    first = put(store, "Patient", "p", patient(gender="female", shoeSize=38))
    assert first.stored.odd
    put(store, "Patient", "p", patient(birthDate="1990-01-01"))
    assert shown(store.read("Patient", "p")) == {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "1990-01-01",
        "shoeSize": 38,
    }


def test_a_type_that_r4_does_not_have_is_kept(store: Store) -> None:
    put(store, "Horoscope", "h", b'{"resourceType":"Horoscope","sign":"lion"}')
    put(store, "Tarot", "t", b'{"resourceType":"Tarot"}')
    assert shown(store.read("Horoscope", "h"))["sign"] == "lion"
    assert [stored.type for stored in store.read_many([1, 2])] == ["Horoscope", "Tarot"]


def test_a_deleted_resource_is_gone_and_writing_makes_it_alive(store: Store) -> None:
    put(store, "Patient", "p", patient(gender="female", name=[{"family": "Owusu"}]))
    (deleted,) = store.write([Write("Patient", "p", None)], AMA, NOW)
    assert (deleted.stored.gone, deleted.stored.body) == (True, None)
    assert store.find_patients("owusu") == []
    assert list(store.export()) == []
    (again,) = store.write([Write("Patient", "p", None)], AMA, NOW)
    assert not again.changed
    put(store, "Patient", "p", patient(gender="male"))
    assert shown(store.read("Patient", "p"))["gender"] == "male"


def test_deleting_what_somebody_changed_meanwhile_is_a_conflict_until_settled(store: Store) -> None:
    first = put(store, "Patient", "p", patient(gender="female"))
    put(store, "Patient", "p", patient(gender="male"))
    store.write([Write("Patient", "p", None, seen=first.stored.version)], KOFI, NOW)
    (conflict,) = store.conflicts()
    assert (conflict.element, conflict.name) == (DELETION, "deletion")
    kept = store.resolve("Patient", "p", DELETION, ALIVE, AMA, NOW)
    assert (kept.stored.gone, kept.stored.conflict) == (False, False)
    assert store.conflicts() == []


def test_creating_what_is_there_is_refused(store: Store) -> None:
    put(store, "Patient", "p", patient())
    with pytest.raises(AlreadyExists):
        store.write([Write("Patient", "p", patient(), create=True)], AMA, NOW)


def test_each_resource_written_has_the_next_counter_and_waits_in_the_outbox(store: Store) -> None:
    put(store, "Patient", "p", patient(gender="female"))
    put(store, "Patient", "p", patient(gender="male"))
    store.write([Write("Patient", "q", patient()), Write("Patient", "r", patient())], AMA, NOW)
    with store.reading() as connection:
        outbox = connection.execute("SELECT counter, key, elements FROM outbox ORDER BY counter").fetchall()
    assert outbox == [(1, 1, None), (2, 1, '["gender"]'), (3, 2, None), (4, 3, None)]
    assert store.status().pending == 4


def test_a_person_is_found_by_beginnings_of_words_and_phone_numbers(store: Store) -> None:
    body = patient(
        name=[{"family": "Adébáyò", "given": ["Olúwaṣeun"]}],
        telecom=[{"system": "phone", "value": "+233 24 123 4567"}],
        identifier=[{"system": "urn:clinic", "value": "KB-0042"}],
        address=[{"city": "Koforidua"}],
    )
    put(store, "Patient", "p", body)
    put(store, "Patient", "q", patient(name=[{"family": "Mensah"}]))
    for text in (
        "adeb",
        "olu ade",
        "0241234567",
        "+233241234567",
        "024 123 4567",
        "kb-0042",
        "kofor",
        '"adeb*',
        "ade\u0301ba",
    ):
        assert [found.id for found in store.find_patients(text)] == ["p"], text
    for text in ("", "xyz", '"', "adeb mensah"):
        assert store.find_patients(text) == []
    put(store, "Patient", "p", patient(name=[{"family": "Boateng"}]))
    assert store.find_patients("adeb") == []
