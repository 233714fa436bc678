"""Who reads in which language, and every text for people in it.

    from edge_node.language import C_, N_, _, ngettext, pgettext

* `_("Saved by %(who)s.", who=name)`: a text in the reader's language, now.
* `ngettext("%(count)s visit", "%(count)s visits", number)`: in its number; `count` is given, with the reader's digits.
* `pgettext("clinical", "Fits")`: a text whose translation matters to somebody's health. `clinical("Fits")` is short for it.
* `N_("Given names")`, `C_("Fits")`, `NN_("visit", "visits")`: texts of tables, which become words when they are shown (`str(text)`).
* `marked("The disk is full")`: a text that programs read in English, as of errors; where a page shows it: `_(error.hint)`.
* In templates: `{{ _("…") }}`, `{{ ngettext(…) }}`, `{% trans %}…{% endtrans %}`, `{{ number(n) }}`; a `Text` is shown as it is.

English stands in the code and is the key; the others are `catalogues/*.po`, read as they are: adding a language is adding a file.
After a text was added or changed: `make messages`, which a test insists on.
"""

from edge_node.language.readers import (
    CLINICAL,
    Reader,
    _,
    clinical,
    ngettext,
    npgettext,
    pgettext,
    reader,
    reading,
)
from edge_node.language.texts import C_, N_, NN_, Plural, Text, marked

__all__ = [
    "CLINICAL",
    "C_",
    "NN_",
    "N_",
    "Plural",
    "Reader",
    "Text",
    "_",
    "clinical",
    "marked",
    "ngettext",
    "npgettext",
    "pgettext",
    "reader",
    "reading",
]
