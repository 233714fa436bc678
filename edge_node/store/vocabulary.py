"""The words by which patients are found: their texts as rows, and the list of all words that occur, in memory.

A hundred thousand people have some ten thousand different words in their names and villages. So what is misspelled is compared with
those, and the full-text index is then asked for the words that were meant. The list is kept by each process and brought up to date at
each look-up: words are numbered as they come, whoever writes them (a person, an import, an exchange, another process), and never go.
"""

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from edge_node.store import indexing, reading
from edge_node.store.connection import Connection, transaction
from edge_node.store.indexing import PatientText
from edge_node.store.rows import object_of
from sync_protocol.matching import folding
from sync_protocol.matching.scoring import POPULATION_LEAST, edits_max, frequencies

SOUND_WORDS_MAX: Final = 60
NEAR_WORDS_MAX: Final = 40
UNWRITTEN: Final = "patient-text-unwritten"
"""In `meta` while a database has patients whose texts were not written since the tables for them were made anew."""
_GROWTH: Final = 1.1
"""Counts are taken anew when the store has grown by a tenth: only their order of magnitude is used."""


def write_texts(connection: Connection, changed: Iterable[tuple[int, PatientText | None, PatientText | None]]) -> None:
    """Patients' texts into the index and out of it: key, what is there, what is to be. Within the caller's transaction."""
    texts = list(changed)
    removed = [(key,) for key, old, _ in texts if old is not None]
    if removed:
        connection.executemany("DELETE FROM patient_text WHERE rowid = ?", removed)
    added = [(key, *new) for key, _, new in texts if new is not None]
    connection.executemany(
        "INSERT INTO patient_text (rowid, name, phone, ending, identifier, village, born) VALUES (?, ?, ?, ?, ?, ?, ?)",
        added,
    )
    had = {word for _, old, _ in texts if old is not None for word in indexing.vocabulary_of(old)}
    has = {word for _, _, new in texts if new is not None for word in indexing.vocabulary_of(new)}
    connection.executemany(
        "INSERT INTO patient_word (word) VALUES (?) ON CONFLICT DO NOTHING", [(word,) for word in sorted(has - had)]
    )


def write_missing(connection: Connection) -> None:
    """Writes the texts of all patients of a database that came from an earlier program, once."""
    if not _unwritten(connection):
        return
    with transaction(connection):
        if _unwritten(connection):  # else another process was first
            texts = (
                (one.key, None, indexing.patient_text(object_of(one.body or b"{}")))
                for one in reading.each(connection, "Patient")
            )
            write_texts(connection, list(texts))
            connection.execute("DELETE FROM meta WHERE name = ?", (UNWRITTEN,))


def _unwritten(connection: Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?)"
    return bool(connection.execute(query, (UNWRITTEN,)).fetchone()[0])


class Vocabulary:
    """One process's list of words. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._seen = 0
        self._words: list[str] = []
        self._known: set[str] = set()
        self._by_sound: dict[str, list[str]] = {}
        self._sounds: list[str] = []
        self._counts: dict[str, int] = {}
        self._patients, self._counted_at = 0, -1

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._known

    def refresh(self, connection: Connection) -> None:
        """Reads the words that came since the last time. Within the snapshot in which they are then looked for."""
        last = connection.execute("SELECT coalesce(max(number), 0) FROM patient_word").fetchone()[0]
        if last == self._seen:
            return
        with self._lock:
            if last < self._seen:  # a snapshot from before the last refresh; or the database of an earlier day
                return
            query = "SELECT word FROM patient_word WHERE number > ? AND number <= ? ORDER BY number"
            self._add([word for (word,) in connection.execute(query, (self._seen, last))])
            self._seen = last

    def _add(self, words: list[str]) -> None:
        new = [word for word in words if word not in self._known]
        sounds: set[str] = set()
        for word in new:
            for sound in folding.sounds(word):
                if sound not in self._by_sound:
                    sounds.add(sound)
                self._by_sound.setdefault(sound, []).append(word)
        if len(sounds) > 100:
            self._sounds = sorted([*self._sounds, *sounds])
        else:
            for sound in sounds:
                insort(self._sounds, sound)
        self._words += new
        self._known.update(new)

    # --- looking up ---

    def sounding(self, word: str, *, unfinished: bool = False) -> list[str]:
        """Words that sound like a folded word, the likest first; those that begin to sound like it too, while it is being typed."""
        found: set[str] = set()
        keys = folding.sounds(word)
        for sound in keys:
            found.update(self._by_sound.get(sound, ()))
            if unfinished and len(sound) >= 2:
                found.update(one for longer in self._beginning(sound) for one in self._by_sound[longer])
        found.discard(word)
        return _likest(word, found, SOUND_WORDS_MAX)

    def _beginning(self, sound: str) -> list[str]:
        start = bisect_left(self._sounds, sound)
        end = bisect_left(self._sounds, sound + "\x7f")
        return self._sounds[start : min(end, start + SOUND_WORDS_MAX)]

    def near(self, word: str) -> dict[str, int]:
        """Words that typing errors make of one another, with the number of errors; those that the word begins with count as two."""
        found: dict[str, int] = {}
        allowed = edits_max(len(word))
        if allowed:
            matches = process.extract(
                word, self._words, scorer=OSA.distance, score_cutoff=allowed, limit=4 * NEAR_WORDS_MAX
            )
            found = {other: int(edits) for other, edits, _ in matches if edits and edits_max(len(other)) >= edits}
        for end in range(3, len(word)):
            if word[:end] in self._known:
                found.setdefault(word[:end], 2)
        kept = sorted(found, key=lambda other: (found[other], -_likeness(word, other), other))[:NEAR_WORDS_MAX]
        return {other: found[other] for other in kept}

    def parted(self, word: str) -> list[tuple[str, str]]:
        """The word as two that occur: Nanayaa for Nana-Yaa."""
        cuts = range(3, len(word) - 2)
        return [(word[:cut], word[cut:]) for cut in cuts if word[:cut] in self._known and word[cut:] in self._known]

    # --- how often ---

    def frequency(self, connection: Connection) -> tuple[Callable[[str], float], int]:
        """The share of patients who have a word, and how many patients there are; counted when first asked for, and kept."""
        self._expect(connection)
        counts = self._counts

        def count(word: str) -> float:
            found = counts.get(word)
            if found is None:
                found = counts[word] = _count(connection, word)
            return frequencies({word: found}, self._patients)(word)

        return count, max(self._patients, POPULATION_LEAST)

    def _expect(self, connection: Connection) -> None:
        last = connection.execute("SELECT coalesce(max(key), 0) FROM resource").fetchone()[0]
        if self._counted_at < 0 or not self._counted_at <= last <= _GROWTH * self._counted_at + 100:
            self._counts = {}
            self._patients = connection.execute("SELECT count(*) FROM patient_text").fetchone()[0]
            self._counted_at = last


def _count(connection: Connection, word: str) -> int:
    query = "SELECT count(*) FROM patient_text WHERE patient_text MATCH ?"
    return int(connection.execute(query, (f'{{name village}} : "{word}"',)).fetchone()[0])


def _likest(word: str, found: Iterable[str], limit: int) -> list[str]:
    return sorted(found, key=lambda other: (-_likeness(word, other), other))[:limit]


def _likeness(one: str, other: str) -> float:
    """From 0 to 1, as written or as spoken, for an order among words that were found alike already."""
    written = JaroWinkler.similarity(one, other)
    return max(written, JaroWinkler.similarity(folding.spoken(one), folding.spoken(other)))
