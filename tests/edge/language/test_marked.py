"""Every text that people see on a page is marked for translation: none stands bare in a template, nor in a script."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import nodes

from edge_node.pages.rendering import environment

PAGES = Path(__file__).parents[3] / "edge_node" / "pages"
TEMPLATES = sorted(path.name for path in (PAGES / "templates").glob("*.html"))
SCRIPTS = ("clinic.js", "live.js", "offline.js", "vault.js", "worker.js")
"""Our own; `htmx.js` is another project's, and says nothing to people."""

NAMES = frozenset(
    {"MedTech Edge", "· MedTech Edge", "medtech-edge", "Android", "Windows", "Mac", "chrome://certificate-manager"}
)
"""Names, which are the same in every language: products, and what is typed as it stands."""
UNSEEN = frozenset({"code", "script", "style", "svg"})
"""Elements whose content is for machines, or is typed as it stands: commands."""
SAID = frozenset(
    {
        "alt",
        "aria-description",
        "aria-label",
        "aria-placeholder",
        "aria-roledescription",
        "label",
        "placeholder",
        "title",
    }
)
"""Attributes that a browser shows or reads out."""
MARKS = frozenset({"_", "clinical", "gettext", "ngettext", "npgettext", "pgettext"})

WORDS = re.compile(r"[^\W\d_]{2}")
SENTENCE = re.compile(r"[^\W\d_]{2,} [^\W\d_]|^[A-Z][a-z]")
"""Several words, or one that begins like a sentence: what a name of a class, an address or a key never looks like."""
ATTRIBUTE = re.compile(r"""([\w-]+)=(?:"([^"]*)"|'([^']*)')""")
IN_SCRIPT = re.compile(r"^[A-Z][a-z]+(?: |$|[.…?!])|[a-z]{2}[.…?!]$")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"' + r"|'((?:[^'\\\n]|\\.)*)'")
SHOWN = re.compile(
    r"(?:(?:textContent|innerText|innerHTML|title|placeholder|alt) \+?= |createTextNode\(|alert\(|confirm\(|element\([^()]*?, [^()]*?, )"
    r"([\"'])(?P<said>[^\"']*[A-Za-z][^\"']*)\1"
)


class Seen(HTMLParser):
    """What a page shows, of its HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in UNSEEN
        for name, value in attrs:
            self._attribute(name, value or "")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in UNSEEN

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        for name, first, second in ATTRIBUTE.findall(data):  # Of a macro that makes attributes alone.
            self._attribute(name, first or second)
        self.texts.extend(ATTRIBUTE.sub("", data).splitlines())

    def _attribute(self, name: str, value: str) -> None:
        if name in SAID or (name.startswith("data-") and SENTENCE.search(value)):
            self.texts.append(value)


def bare(source: str) -> list[str]:
    """What of a template would be shown as it stands: of its HTML, and of its expressions."""
    return [text.strip() for text in (*_of_html(source), *_of_expressions(source)) if text.strip() not in NAMES]


def _of_html(source: str) -> Iterator[str]:
    without = re.sub(r"\{% trans\b.*?%\}.*?\{% endtrans %\}", "", source, flags=re.S)
    html = "".join(text for _, kind, text in environment().lex(without) if kind == "data")
    seen = Seen()
    seen.feed(html)
    yield from (text for text in seen.texts if WORDS.search(text))


def _of_expressions(source: str) -> Iterator[str]:
    tree = environment().parse(source)
    marked = {
        id(one)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in MARKS
        for one in call.find_all(nodes.Const)
    }
    for one in tree.find_all(nodes.Const):
        if id(one) not in marked and isinstance(one.value, str) and SENTENCE.search(one.value):
            yield one.value


def told(script: str) -> list[str]:
    """What a script would say by itself. Its words come from the page: `data-…`."""
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("//"))
    literals = [found[1] or found[2] or "" for found in LITERAL.finditer(code)]
    return [*(one for one in literals if IN_SCRIPT.search(one)), *(found["said"] for found in SHOWN.finditer(code))]


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_text_stands_bare_in_a_template(name: str) -> None:
    assert bare((PAGES / "templates" / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_say_nothing_but_what_the_page_gave_them(name: str) -> None:
    assert told((PAGES / "assets" / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Nothing waits.</p>", ["Nothing waits."]),
        ('<p>{{ _("Nothing waits.") }}</p>', []),
        ("<p>{% trans %}Nothing waits.{% endtrans %}</p>", []),
        ('<p>since {{ _("yesterday") }}</p>', ["since"]),
        ('<a aria-label="Main menu" href="/people">{{ name }}</a>', ["Main menu"]),
        ('<a aria-label="{{ _("Main menu") }}" class="button plain">{{ name }}</a>', []),
        ('<form data-busy="Saving…" data-form></form>', ["Saving…"]),
        ('<h1>{{ "A new PIN" if has_pin else _("A PIN") }}</h1>', ["A new PIN"]),
        ('{{ act(one, "enable", "Let in again") }}', ["Let in again"]),
        ('{% macro hint() %} title="As it was written" data-at="1"{% endmacro %}', ["As it was written"]),
        ("<p>{{ asset('clinic.css') }}</p><p>MedTech Edge</p>", []),
        ("{# For those who read this. #}<p><code>medtech-edge import FILE</code></p>", []),
    ],
)
def test_a_bare_text_in_a_template_is_found(source: str, found: list[str]) -> None:
    assert bare(source) == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('bar.textContent = "sent";', ["sent"]),
        ('bar.appendChild(document.createTextNode("and more"));', ["and more"]),
        ('told.appendChild(element("p", "quiet", "not yet"));', ["not yet"]),
        ('var said = "Saved by somebody";', ["Saved by somebody"]),
        ("var said = 'it is sent.';", ["it is sent."]),
        ('bar.className = "kept kept-live"; fetch(path, { method: "POST" });', []),
        ('bar.textContent = told.dataset.by.replace("%s", by); // Says who saved it.', []),
    ],
)
def test_a_bare_text_in_a_script_is_found(script: str, found: list[str]) -> None:
    assert told(script) == found
