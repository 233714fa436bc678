"""The find box: whoever is meant is found, the closest first, however she is asked for, and it is told how each word was understood."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.errors import AlreadyExists
from edge_node.programme import Programme
from edge_node.store import reading, schema, vocabulary
from edge_node.store.bundles import Item
from edge_node.store.connection import connect
from edge_node.store.finding import FoundPatient
from edge_node.store.model import Write
from edge_node.store.schema import HOME_SCOPE, MIGRATIONS
from edge_node.store.store import Store
from sync_protocol.matching import numbers
from tests.bench import persons
from tests.edge.store import nodes
from tests.edge.store.nodes import AMA, KEY, NOW, patient, put

TODAY = date(2025, 6, 15)
NUMBER = numbers.make(40718, 325904)
MANY = 3_000


def person(store: Store, id_: str, name: str, **members: Any) -> None:
    *given, family = name.split(" ")
    put(store, "Patient", id_, patient(name=[{"family": family, "given": given}], **members))


def ids(found: Sequence[FoundPatient]) -> list[str]:
    return [one.id for one in found]


def how(found: Sequence[FoundPatient]) -> list[tuple[str, str, str, str]]:
    return [(taken.asked, taken.found, taken.how, taken.part) for taken in found[0].why]


@pytest.fixture
def clinic(store: Store) -> Store:
    person(
        store,
        "fatoumata",
        "Fatoumata Diallo",
        birthDate="1990-05-04",
        telecom=[{"system": "phone", "value": "+233 24 123 4567"}],
        address=[{"city": "Koforidua"}],
        identifier=[{"system": numbers.SYSTEM, "value": NUMBER.digits}, {"value": "KB-0042"}],
    )
    person(store, "adebayo", "Olúwaṣeun Adébáyò", birthDate="1985", address=[{"city": "Ìbàdàn"}])
    person(store, "ndiaye", "Aïssatou N'Diaye", birthDate="2024-10-01")
    person(store, "nana", "Nana-Yaa Owusu", birthDate="1961-02-03", telecom=[{"value": "0501234567"}])
    person(store, "emma", "Emma Boateng", birthDate="1972-12-30")
    person(store, "arabic", "محمد أحمد")
    return store


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Fatoumata Diallo", "fatoumata"),
        ("diallo fatoumata", "fatoumata"),
        ("Fatuma Jallow", "fatoumata"),
        ("fatomata", "fatoumata"),
        ("dilalo", "fatoumata"),
        ("fatou", "fatoumata"),
        ("fatimat", "fatoumata"),
        ("adebayo oluwasheun", "adebayo"),
        ("Adébayó", "adebayo"),
        ("ibadan adebayo", "adebayo"),
        ("ndiaye aisha", "ndiaye"),
        ("njie", "ndiaye"),
        ("nanayaa", "nana"),
        ("nana yaa", "nana"),
        ("emmanuella boateng", "emma"),
        ("Mohamed Ahmed", "arabic"),
        ("Mamadou", "arabic"),
        ("024 123 4567", "fatoumata"),
        ("+233241234567", "fatoumata"),
        ("0241234567", "fatoumata"),
        ("34567", "fatoumata"),
        ("123456", "nothing"),
        (NUMBER.grouped, "fatoumata"),
        (NUMBER.digits, "fatoumata"),
        (NUMBER.digits[:6], "fatoumata"),
        ("kb 0042", "fatoumata"),
        ("KB0042", "fatoumata"),
        ("diallo 35", "fatoumata"),
        ("diallo 35y", "fatoumata"),
        ("35 ans diallo", "fatoumata"),
        ("diallo 1990", "fatoumata"),
        ("04/05/1990", "fatoumata"),
        ("1990-05", "fatoumata"),
        ("aissatou 8 months", "ndiaye"),
        ("koforidwa", "fatoumata"),
        ("Fatoumata Koforidua 4567", "fatoumata"),
        ("Mme Diallo", "fatoumata"),
        ("Alhaji Mohammed Ahmed", "arabic"),
        ("diallo ٣٥", "fatoumata"),
    ],
)
def test_whoever_is_meant_is_the_first(clinic: Store, text: str, who: str) -> None:
    found = clinic.find_patients(text, today=TODAY)
    assert ids(found)[:1] == ([who] if who != "nothing" else [])


@pytest.mark.parametrize(
    "text", ["", " ", '"', "xyz", "adebayo boateng", "diallo 1950", "diallo 12y", "AND OR NOT", "999999999", "*", "Mme"]
)
def test_who_is_not_here_is_not_found(clinic: Store, text: str) -> None:
    assert clinic.find_patients(text, today=TODAY) == []


def test_without_today_a_number_is_no_age_and_with_it_people_of_that_age_are_found(clinic: Store) -> None:
    assert clinic.find_patients("35") == []
    assert ids(clinic.find_patients("35", today=TODAY)) == ["fatoumata"]
    assert ids(clinic.find_patients("40", today=TODAY)) == ["adebayo"]


def test_it_is_told_how_each_word_was_understood(clinic: Store) -> None:
    found = clinic.find_patients("Jallow fatoumta kofo 4567 1990", today=TODAY)
    assert how(found) == [
        ("jallow", "diallo", "sound", "name"),
        ("fatoumta", "fatoumata", "near", "name"),
        ("kofo", "koforidua", "beginning", "village"),
        ("4567", "233241234567", "beginning", "phone"),
        ("1990", "19900504", "as typed", "born"),
    ]


def test_the_closest_are_first(store: Store) -> None:
    for id_, name in (
        ("near", "Mariana Sow"),
        ("exact", "Mariam Sow"),
        ("sound", "Maryame Sow"),
        ("longer", "Mariamatou Sow"),
    ):
        person(store, id_, name)
    assert ids(store.find_patients("Mariam Sow")) == ["exact", "longer", "sound", "near"]


def test_a_longer_list_begins_as_a_shorter_one(store: Store) -> None:
    writes = [
        Write("Patient", f"p{n}", patient(name=[{"family": "Sow", "given": [f"Ama{n % 7}"]}])) for n in range(150)
    ]
    store.write(writes, AMA, NOW)
    longest = ids(store.find_patients("sow ama", 150))
    assert len(set(longest)) == 150
    assert all(ids(store.find_patients("sow ama", limit)) == longest[:limit] for limit in (1, 26, 61, 149))


def test_a_word_that_nobody_has_any_more_finds_nobody(store: Store) -> None:
    person(store, "p", "Adwoa Mensah")
    assert ids(store.find_patients("adwoa")) == ["p"]
    person(store, "p", "Akosua Mensah")
    assert store.find_patients("adwoa") == []
    store.write([Write("Patient", "p", None)], AMA, NOW)
    assert store.find_patients("mensah") == []


def test_words_that_an_import_an_exchange_or_another_process_brings_are_known_at_once(
    store: Store, tmp_path: Path
) -> None:
    person(store, "p", "Kofi Mensah")
    assert store.find_patients("Wanjirou") == []
    store.import_resources([Item(patient(id="q", name=[{"family": "Wanjiru"}]))], AMA, lambda: NOW)
    assert ids(store.find_patients("Wanjirou")) == ["q"]
    with nodes.opened(tmp_path / "elsewhere") as elsewhere:
        person(elsewhere, "r", "Etienne Tshisekedi")
        with elsewhere.snapshot() as theirs, store.transaction() as connection:
            store.merge(connection, list(reading.states(theirs, HOME_SCOPE)), HOME_SCOPE, NOW)
    assert len(store.find_patients("Chisekedi")) == 1
    with nodes.opened(
        tmp_path / "node", create=False
    ) as other:  # as another process has it: its own list, its own connections
        assert ids(other.find_patients("Wanjirou")) == ["q"]
        person(other, "s", "Ouedraogo Awa")
    assert ids(store.find_patients("Wedraogo")) == ["s"]


def test_a_word_of_a_transaction_that_failed_is_not_known(store: Store) -> None:
    with pytest.raises(AlreadyExists):
        store.write(
            [Write("Patient", "p", patient(name=[{"family": name}]), create=True) for name in ("Zubeiru", "Sow")],
            AMA,
            NOW,
        )
    person(store, "p", "Kofi Sanogo")
    assert ids(store.find_patients("sanogo")) == ["p"]
    assert store.find_patients("zubeiru") == []


def test_a_database_of_an_earlier_program_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = next(number for number, script in enumerate(MIGRATIONS) if "patient_word" in script)
    writer = connect(tmp_path / "some.db", KEY, writer=True)
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", MIGRATIONS[:before])
        schema.migrate(writer)
    writer.execute("INSERT INTO patient_text (rowid, name) VALUES (1, 'Fatoumata Diallo')")
    schema.migrate(writer)
    assert writer.execute("SELECT name FROM meta").fetchall() == [(vocabulary.UNWRITTEN,)]
    assert writer.execute("SELECT count(*) FROM patient_text").fetchone() == (0,)
    writer.close()


def test_patients_of_an_earlier_program_are_found_as_soon_as_it_is_opened(store: Store, tmp_path: Path) -> None:
    person(store, "p", "Fatoumata Diallo", birthDate="1990")
    store.write([Write("Patient", "gone", patient(name=[{"family": "Diallo"}]))], AMA, NOW)
    store.write([Write("Patient", "gone", None)], AMA, NOW)
    with store.transaction() as writer:  # as the migration leaves it
        writer.execute("INSERT INTO patient_text (patient_text) VALUES ('delete-all')")
        writer.execute("DELETE FROM patient_word")
        writer.execute("INSERT INTO meta (name, value) VALUES (?, 1)", (vocabulary.UNWRITTEN,))
    with nodes.opened(tmp_path / "node", create=False) as upgraded:
        assert ids(upgraded.find_patients("Jallow 1990")) == ["p"]
        assert ids(upgraded.find_patients("Diallo")) == ["p"]
        with upgraded.reading() as connection:
            left = connection.execute("SELECT count(*) FROM meta WHERE name = ?", (vocabulary.UNWRITTEN,)).fetchone()
        assert left == (0,)
        put(upgraded, "Patient", "p", patient(name=[{"family": "Owusu"}]))
        assert upgraded.find_patients("Diallo") == []


def test_a_new_patient_number_is_one_that_nobody_here_has_and_of_the_same_node(store: Store) -> None:
    drawn = [store.new_patient_number() for _ in range(50)]
    assert len({number.node for number in drawn}) == 1
    assert all(numbers.is_number(number.digits) for number in drawn)


def test_a_number_that_is_here_is_drawn_anew(tmp_path: Path) -> None:
    chance = random.Random(1)
    draws: list[int] = [5, 7, 7, 8]  # the node's part, a serial, the same again, another

    def bytes_of(count: int) -> bytes:
        return draws.pop(0).to_bytes(count, "big") if count == 8 and armed else chance.randbytes(count)

    armed = False
    with Store.open(tmp_path / "n", KEY, Programme(), create=True, random_bytes=bytes_of) as store:
        person(store, "p", "Ama Mensah")
        armed = True
        first = store.new_patient_number()
        armed = False
        put(store, "Patient", "p", patient(identifier=[{"system": numbers.SYSTEM, "value": first.grouped}]))
        armed = True
        second = store.new_patient_number()
        assert (first.node, first.digits[5:11], second.digits[5:11]) == (10_005, "000007", "000008")
        armed = False


# --- how many are found -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[dict[str, Any]]]]:
    people = list(persons.patients(MANY))
    with nodes.opened(tmp_path_factory.mktemp("town") / "node") as store:
        store.import_resources((Item(json.dumps(one).encode()) for one in people), AMA, lambda: NOW)
        yield store, people


texts = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "ama",
            "Mensah-",
            "34y",
            "0241",
            "1990",
            "12/05/1990",
            "+233",
            "'",
            '"',
            "(",
            "*",
            "NEAR",
            "٣٤",
            "محمد",
            "{name}",
            "8 m",
        ]
    ),
    max_size=9,
).map(" ".join)


def test_whatever_is_typed_is_answered(town: tuple[Store, list[dict[str, Any]]]) -> None:
    store, _ = town

    @settings(deadline=None, max_examples=60)
    @given(texts)
    def answered(text: str) -> None:
        found = store.find_patients(text, 5, today=TODAY)
        assert len(found) <= 5
        assert len({one.key for one in found}) == len(found)
        assert all(one.why and not one.gone for one in found)

    answered()


FLOORS = {
    "as recorded": 1.0,
    "one letter wrong": 0.93,
    "two letters exchanged": 0.95,
    "another spelling of the sound": 0.93,
    "no accents": 1.0,
    "another order": 1.0,
    "a shortened name": 0.97,
}


@pytest.mark.parametrize("way", persons.WAYS)
def test_a_name_written_otherwise_is_among_the_first_ten(town: tuple[Store, list[dict[str, Any]]], way: str) -> None:
    store, people = town
    chance = random.Random(11)
    ranks = []
    for one in chance.sample(people, 120):
        name = persons.full_name(one)
        found = store.find_patients(persons.WAYS[way](name, chance), 10)
        names = [persons.full_name(json.loads(other.body or b"{}")) for other in found]
        ranks.append(names.index(name) + 1 if name in names else 0)
    hits = [rank for rank in ranks if rank]
    assert len(hits) / len(ranks) >= FLOORS[way], len(hits) / len(ranks)
    assert sum(hits) / len(hits) <= 1.5
