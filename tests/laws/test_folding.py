"""Names fold to plain words in any script, and words that sound alike meet under one key, seldom others.

The groups of names are spellings in use; names in their own script beside Latin letters are from `names_by_country.csv.gz`, which knows
nothing of the rules.
"""

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.matching import folding
from tests.bench import persons

ALIKE = (
    "Muhammad Mohamed Mohammed Mamadou Mahamadou محمد",
    "Fatima Fatuma Fatoumata Fatimata Faatimah فاطمة ፋጢማ",
    "Aisha Ayesha Aïssatou Aissata Aïcha ʿĀʾisha Aishatu عائشة",
    "Oumar Umar Omar Umaru عمر",
    "Diallo Jallow Jalloh Djalo Dyallo",
    "Traoré TRAORE",
    "Kwame Kouame Kwami",
    "Ousmane Usman Uthman Osman",
    "Cheikh Sheikh Cheick Shaikh",
    "Khadija Hadija Kadidja Khadidiatou",
    "Ouattara Wattara Watara",
    "Ramadhani Ramazani",
    "N'Diaye Ndiaye Njie N’Jie",
    "Zainab Zeynab Zeinabou",
    "Philippe Filipe Philip",
    "Ngozi Ngozie",
    "Olúwaṣeun Oluwasheun",
    "Nguyễn Nguyen",
    "Hassan Assane Hasan",
    "Yusuf Youssouf Yousuf يوسف",
)
UNLIKE = (
    ("Ama", "Kofi"),
    ("Ngozi", "Nkiruka"),
    ("Mensah", "Owusu"),
    ("Fatima", "Aminata"),
    ("Abena", "Adwoa"),
    ("Chinedu", "Chukwudi"),
    ("Musa", "Mary"),
    ("Kwabena", "Kwadwo"),
)
UNLETTERED = frozenset({"JP", "CN", "TW", "KR", "VN", "HK"})
"""Countries whose own script has no letters that could be read without knowing the language."""


def test_words_are_plain_whatever_the_script_and_the_marks() -> None:
    told = {
        "Adébáyò Olúwaṣeun": ("adebayo", "oluwaseun"),
        "Ade\u0301": ("ade",),
        "N'Diaye": ("ndiaye",),
        "Nana-Yaa": ("nana", "yaa"),
        "Al-Hassan": ("alhassan",),
        "O’Brien, Mary": ("obrien", "mary"),
        "Ɓala Ɗan-Ŋ": ("bala", "dan", "ng"),
        "KB-0042": ("kb", "0042"),
        "": (),
        "‚…": (),
    }
    assert {text: folding.words(text) for text in told} == told


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once_and_leaves_ascii(text: str) -> None:
    words = folding.words(text)
    assert all(word.isascii() and word.isalnum() and word == word.lower() for word in words)
    assert folding.words(" ".join(words)) == words
    assert all(0 < len(word) <= folding.WORD_CHARS_MAX for word in words)


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=30))
def test_every_word_has_few_keys_of_its_consonants_and_sounds_like_itself(word: str) -> None:
    keys = folding.sounds(word)
    assert 0 <= len(keys) <= folding.SOUNDS_MAX
    assert all(key.isupper() and key.isalpha() for key in keys)
    assert folding.sound_alike(word, word)
    assert folding.sounds("1990") == ()


@given(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12), st.text("abcdefghijklmnopqrstuvwxyz", max_size=12)
)
def test_sounding_alike_is_mutual(one: str, other: str) -> None:
    assert folding.sound_alike(one, other) == folding.sound_alike(other, one)


@given(st.lists(st.sampled_from("bdfklmnprst"), min_size=2, max_size=6), st.integers(0, 5))
def test_a_doubled_letter_sounds_as_a_single_one(letters: list[str], place: int) -> None:
    word = "a".join(letters)
    at = min(place * 2, len(word) - 1)
    assert folding.sound_alike(word, word[: at + 1] + word[at] + word[at + 1 :])


@pytest.mark.parametrize("group", ALIKE)
def test_spellings_of_one_name_have_a_key_in_common(group: str) -> None:
    first, *others = [folding.words(name)[0] for name in group.split()]
    assert [other for other in others if not folding.sound_alike(first, other)] == []


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_other_names_have_none(one: str, other: str) -> None:
    assert not folding.sound_alike(folding.words(one)[0], folding.words(other)[0])


def test_a_name_in_another_alphabet_sounds_as_it_is_written_in_latin_letters() -> None:
    pairs = [
        (folding.words(localized), folding.words(romanized))
        for country, _, localized, romanized in persons.by_country()
        if not localized.isascii() and country not in UNLETTERED
    ]
    single = [(mine[0], theirs[0]) for mine, theirs in pairs if len(mine) == 1 == len(theirs)]
    met = sum(folding.sound_alike(mine, theirs) for mine, theirs in single)
    assert len(single) > 1_000
    assert met / len(single) >= 0.93, met / len(single)


def test_another_spelling_of_a_sound_is_met_and_other_names_are_seldom() -> None:
    """Of the African names: two thirds of random respellings have a common key; of pairs of different names one in 250 has."""
    chance = random.Random(5)
    names = sorted(
        {word for one in persons.african() for name in (*one.given, *one.family) for word in folding.words(name)}
    )
    spelled = [(name, persons.otherwise_spelled(name, chance)) for name in names]
    changed = [(name, other) for name, other in spelled if name != other]
    met = sum(folding.sound_alike(name, other) for name, other in changed)
    pairs = list(combinations(names, 2))
    wrong = sum(folding.sound_alike(one, other) for one, other in pairs)
    assert met / len(changed) >= 0.85, met / len(changed)
    assert wrong / len(pairs) <= 0.004, wrong / len(pairs)
