"""Names as folded words, and how a word sounds whoever wrote it down.

A name is spelled by the clerk who hears it: French, English, Portuguese, Hausa and Kiswahili letters for one sound, or another script.
`words` makes plain lower-case Latin words of any of them. `sounds` makes of a word the keys under which everything that sounds alike
meets: first an ordered table of rewriting rules (digraphs of the written languages to one letter, glides, what is silent), then vowels
are dropped, since it is in vowels and doubled letters that spellings differ most. A letter group that is spoken in two ways gives a
second key.

The method is that of Soundex and its successors (R. C. Russell, US patent 1,261,167, 1918; L. Philips, "Hanging on the Metaphone",
Computer Language 7(12), 1990): keys of consonants by ordered rules. The rules are our own, written for names of Africa and its
neighbours rather than for English; how much they find and how often they are wrong is measured (`tests/laws/test_folding.py`,
`tests/bench/finding.py`).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from anyascii import anyascii

WORD_CHARS_MAX: Final = 40
"""Longer words are cut: nobody's name is, and a key stays small."""
SOUNDS_MAX: Final = 4
"""Keys of one word at most."""

_dropped = re.compile(r"['’‘`´ʼʻʾʿʽ\"]")
"""Written between letters of one word: N'Diaye is Ndiaye, Ka`ab is Kaab."""
_word = re.compile(r"[a-z0-9]+").findall
_silent_beginning = re.compile(r"(?<!\w)['`](?=[^\W\daeiou_])")
"""The letters ayn and alef, which carry an unwritten vowel at a word's beginning."""
_marks = re.compile("[\u0300-\u036f]")
_article = re.compile(r"\b(al|el|ad|ar|as|ash|an|at)-(?=\w)")
"""The Arabic article, which is written with the name or apart: Al-Hassan, Alhassan."""


@lru_cache(maxsize=65_536)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, in order: a to z and 0 to 9 alone, lower case, whatever the script and the accents.

    Apostrophes join; hyphens and all else separate. Empty when the text has neither letter nor digit.
    """
    return tuple(word[:WORD_CHARS_MAX] for word in _word(_article.sub(r"\1", _latin(text))))


def _latin(text: str) -> str:
    if text.isascii():
        return _dropped.sub("", text.lower())
    plain = _marks.sub("", unicodedata.normalize("NFKD", text))
    # A letter with a dot or a hook stays what it is; other scripts are written as they are read, letter for letter.
    latin = anyascii(_dropped.sub("", unicodedata.normalize("NFC", plain))).lower()
    return _dropped.sub("", _silent_beginning.sub("a", latin))


# --- how it sounds ----------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """What is written, as a pattern; what it is spoken as; and what else it may be spoken as, where that differs."""

    written: str
    spoken: str
    other: str | None = None


VOWEL: Final = "[aeiouy]"
RULES: Final = (
    # Feminine endings of Arabic names, which West African languages keep and others drop: Fatoumata, Aminatou, Rahmatu.
    Rule(r"(?<=..[bdfhijklmnrswyz])at(a|ou|oo|u|e|i)$", "a"),
    Rule(r"(?<=..[bdfhijklmnrswyz])at$", "at", "a"),
    # Three letters and more.
    Rule("tsch|tch|tsh|sch|dsch", "s"),
    Rule("ough", "o"),
    # Hausa and Kiswahili dh, English and Arabic th, are d and t in one place and z and s in another: Ramadhan, Ramazan, Uthman, Ousmane.
    Rule("dh", "d", "s"),
    Rule("th", "t", "s"),
    # What one language writes sh the others write ch, sy, s; Arabic kh, gh are k, h or g.
    Rule("sh", "s"),
    Rule("kh", "k", ""),
    Rule("gh", "g", ""),
    Rule("ph", "f"),
    Rule("ch", "s", "k"),
    Rule("ck|cq", "k"),
    # One sound of two stops (Yoruba, Ewe, Akan), and affricates.
    Rule("gb", "b", "g"),
    Rule("kp", "p"),
    Rule("ts|tz|dz|zz", "s"),
    # The j of Wolof, Manding and Fula: Diallo, Dyallo, Jallow, Djalo; Gyasi, Jasi in Akan.
    Rule(f"dj|dy(?={VOWEL})|gy(?={VOWEL})", "j"),
    Rule(r"^di(?=[aeo])|(?<=[aeioun])di(?=[aeo])", "j"),
    Rule(r"^ti(?=[aeo])", "s", "t"),
    # Gn, nh, ñ: Gnassingbe, Nyassingbe.
    Rule(f"gn(?={VOWEL})", "n"),
    Rule("que?$", "k"),
    # U before a vowel is w: Kouassi, Kwasi, Quaye, Ouattara, Watara. W elsewhere is u.
    Rule("qu(?=[aei])", "kw", "k"),
    Rule("q", "k"),
    Rule("(?:ou|oo|u)(?=[aei])", "w"),
    Rule("w(?=[ou])", ""),
    Rule(f"w(?!{VOWEL})", ""),
    # In other scripts short vowels are not written: Yusuf is ywsf there, Yahya yhya.
    Rule(f"^yw(?!{VOWEL})", "yu"),
    Rule("^y(?![aeiouy])", "i", "ya"),
    # Single letters.
    Rule("c(?=[eiy])", "s"),
    Rule("c", "k"),
    Rule("^x", "s"),
    Rule("x", "ks"),
    Rule("g(?=[ei])", "g", "j"),
    Rule("z", "s"),
    Rule("v", "f"),
    Rule("j", "j", "y"),
    # Vowels, which no key has: for comparing how alike two words of one key are.
    Rule("oo|ou", "u"),
    Rule("ee|ie|y(?![aeiou])", "i"),
    Rule("aye|ai|ei", "e"),
    Rule("^h", ""),
    Rule("h", "'"),
)
"""In order: what an earlier rule wrote, a later one reads. `other` gives a second reading of the whole word."""

_RULES: Final = tuple((re.compile(rule.written), rule.spoken, rule.other) for rule in RULES)
_doubled = re.compile(r"(.)\1+")
_initial_vowel = re.compile(r"^(?:y(?![aeiou])|[aeiou])+")
_vowels = re.compile("[aeiouy']+")
"""And where an h was: Arabic script has the two m of Muhammad with nothing but an h between them."""
_initial_glide = re.compile("^y(?=[aeiou])")


@lru_cache(maxsize=65_536)
def _readings(word: str) -> tuple[str, ...]:
    readings = [_doubled.sub(r"\1", word)]
    for pattern, spoken, other in _RULES:
        if not any(pattern.search(reading) for reading in readings):
            continue
        more = [pattern.sub(other, reading) for reading in readings] if other is not None else []
        readings = list(dict.fromkeys([*(pattern.sub(spoken, reading) for reading in readings), *more]))[:SOUNDS_MAX]
    return tuple(readings)


def spoken(word: str) -> str:
    """A folded word as the rules write it, its vowels kept: jalo for Diallo and for Jallow."""
    return _doubled.sub(r"\1", _readings(word)[0].replace("'", "")) if word.isalpha() else word


@lru_cache(maxsize=65_536)
def sounds(word: str) -> tuple[str, ...]:
    """The keys of a folded word, the likeliest first, none twice; none for a number.

    Capitals alone: consonants as spoken, `A` in front when the word begins with a vowel. Two words may sound alike when they have
    a key in common. Also of consonants alone, as other scripts give them (mhmd).
    """
    if not word.isalpha():
        return ()
    return tuple(key for key in dict.fromkeys(map(_key, _readings(word))) if key)


def _key(reading: str) -> str:
    """Consonants, with a mark for a vowel in front. Vowels part what would else be one doubled letter."""
    glide = _initial_glide.match(reading) is not None
    text = reading[1:] if glide else reading
    text, begins = _initial_vowel.subn("", text) if not glide else (text, 0)
    parts = [_doubled.sub(r"\1", part) for part in _vowels.split(text)]
    return ("A" if begins else "Y" if glide else "") + "".join(parts).upper()


def sound_alike(one: str, other: str) -> bool:
    """Whether two folded words have a key in common."""
    return one == other or not set(sounds(one)).isdisjoint(sounds(other))
