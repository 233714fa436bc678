"""Brings the catalogues up to date: every text of the program is in every `.po` file, and nothing else.

`python packaging/messages/update.py` writes them; with `--check` it writes nothing, prints what is wrong and exits with 1:
a text without a translation, one whose placeholders differ from the English, a file that is not up to date.
What a text was is never guessed to be the translation of what it became.
"""

import io
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "edge_node"
CATALOGUES = SOURCES / "language" / "catalogues"
WIDTH = 100
LISTED_MAX = 20

Extracted = tuple[str, tuple[str, ...]]
"""Context and the forms of a text."""


def _context(arguments: tuple[str, ...]) -> Extracted:
    return arguments[0], arguments[1:]


def _within(context: str) -> Callable[[tuple[str, ...]], Extracted]:
    return lambda arguments: (context, arguments)


FUNCTIONS: dict[str, tuple[int, Callable[[tuple[str, ...]], Extracted]]] = {
    "_": (1, _within("")),
    "gettext": (1, _within("")),
    "N_": (1, _within("")),
    "C_": (1, _within("clinical")),
    "concept": (2, lambda arguments: ("clinical", arguments[1:])),
    "clinical": (1, _within("clinical")),
    "say": (1, _within("")),
    "marked": (1, _within("")),
    "_vaccine": (2, lambda arguments: ("clinical", arguments[1:])),
    "ngettext": (2, _within("")),
    "NN_": (2, _within("")),
    "pgettext": (2, _context),
    "npgettext": (3, _context),
}
"""Functions that mark a text: how many of their arguments are texts, and what those mean."""
OPTIONS = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"}


def calls() -> Iterator[tuple[str, int, str, tuple[str, ...]]]:
    """All marked texts: file, line, function, its texts."""
    for path in sorted(SOURCES.rglob("*.py")):
        with path.open("rb") as file:
            for line, function, texts, _ in extract_python(file, list(FUNCTIONS), [], {}):
                yield str(path.relative_to(ROOT)), line, function, _listed(texts)
    for path in sorted(SOURCES.rglob("*.html")):
        with path.open("rb") as file:
            for line, function, texts, _ in babel_extract(file, list(FUNCTIONS), [], OPTIONS):
                yield str(path.relative_to(ROOT)), line, function, _listed(texts)


def of_data() -> Iterator[tuple[str, str]]:
    """The clinical texts of tables that are data: file, text."""
    for path in sorted(SOURCES.rglob("schedules/*.toml")):
        with path.open("rb") as file:
            for text in _texts_of(tomllib.load(file)):
                yield str(path.relative_to(ROOT)), text


def _texts_of(data: object) -> Iterator[str]:
    """Every `text` of a table, and of what it holds."""
    if isinstance(data, dict):
        if isinstance(data.get("text"), str):
            yield data["text"]
        yield from _texts_of(list(data.values()))
    elif isinstance(data, list):
        for one in data:
            yield from _texts_of(one)


def _listed(texts: object) -> tuple[str, ...]:
    return tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, tuple | list) else (str(texts),)


def template() -> Catalog:
    """All texts of the program."""
    made = Catalog(project="MedTech Edge", charset="utf-8")
    for path, _, function, texts in calls():
        count, meaning = FUNCTIONS[function]
        if len(texts) < count or not texts[0]:
            continue  # the function's own definition, or a text that is put together elsewhere
        context, forms = meaning(texts[:count])
        # Files without lines: a line's number changes with every edit above it, and says no more than a search does.
        made.add(forms if len(forms) > 1 else forms[0], locations=[(path, 0)], context=context or None)
    for path, text in of_data():
        made.add(text, locations=[(path, 0)], context="clinical")
    return made


def updated(path: Path, texts: Catalog) -> bytes:
    """A file's content as it should be."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem)
    catalog.update(texts, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    for message in catalog:
        message.locations = sorted(set(message.locations))
    written = io.BytesIO()
    write_po(written, catalog, width=WIDTH, sort_output=True, omit_header=False, include_lineno=False)
    return re.sub(
        rb'^"(?:Report-Msgid-Bugs-To|Language-Team|POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator)[^\n]*\n',
        b"",
        written.getvalue(),
        flags=re.M,
    )


_PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")


def wrong(path: Path, catalog: Catalog) -> Iterator[str]:
    """What is wrong with the translations of a file."""
    for message in catalog:
        if not message.id:
            continue
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if not all(forms) or len(forms) < (catalog.num_plurals if message.pluralizable else 1):
            yield f"{path.name}: no translation of: {_name(message)}"
        elif any(not _fits(form or "", message) for form in forms):
            yield f"{path.name}: other placeholders than in: {_name(message)}"


def _fits(form: str, message: Message) -> bool:
    """Whether a form names nothing that is not given, and says all that has to be said; one of few things may leave the number out."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    known = {name for text in ids for name in _PLACEHOLDER.findall(text)}
    needed = set.intersection(*({*_PLACEHOLDER.findall(text)} for text in ids)) - {"%(count)s", "%%"}
    return needed <= set(_PLACEHOLDER.findall(form)) <= known


def _name(message: Message) -> str:
    return repr(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def main(*, check: bool) -> int:
    """Updates or checks all files; the number of things that are wrong, at most 1."""
    texts = template()
    findings = []
    for path in sorted(CATALOGUES.glob("*.po")):
        content = updated(path, texts)
        if not check:
            path.write_bytes(content)
        elif path.read_bytes() != content:
            findings.append(f"{path.name}: not up to date; run `make messages`")
        lacking = list(wrong(path, read_po(io.BytesIO(content), locale=path.stem)))
        findings += lacking if check or len(lacking) <= LISTED_MAX else [f"{path.name}: {len(lacking)} to translate"]
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return int(bool(findings) and check)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
