"""Texts in the language of who reads them."""

import asyncio
from datetime import date

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from hypothesis import given
from hypothesis import strategies as st

from edge_node.api.threads import Threads
from edge_node.language import C_, N_, NN_, Reader, _, clinical, ngettext, reader, reading
from edge_node.language import catalogue as catalogues
from edge_node.language.choosing import accepted, choose, menu
from edge_node.language.digits import amount, in_digits, plain_number
from edge_node.pages import dates, words


def test_without_a_reader_everything_is_english() -> None:
    assert (_("Patients"), reader().language, reader().direction) == ("Patients", "en", "ltr")


def test_a_text_of_a_table_becomes_words_when_it_is_shown() -> None:
    mother = N_("Mother")
    with reading("fr"):
        assert (str(mother), _("Patients"), f"{N_('Card of %(name)s').of(name='Ama')}") == (
            "Mère",
            "Patients",
            "Carte de Ama",
        )
    with reading("sw"):
        assert str(mother) == "Mama"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["1 year", "2 years", "1,234 years"]),
        ("fr", ["1 an", "2 ans", "1\u202f234 ans"]),
        ("sw", ["mwaka 1", "miaka 2", "miaka 1,234"]),
        ("ar", ["سنة واحدة", "سنتان", "1,234 سنة"]),
    ],
)
def test_numbers_have_the_plurals_and_signs_of_the_language(language: str, said: list[str]) -> None:
    years = NN_("%(count)s year", "%(count)s years")
    with reading(language):
        assert [years.of(number) for number in (1, 2, 1234)] == said
        assert ngettext("%(count)s year", "%(count)s years", 2) == said[1]


def test_a_clinical_text_that_no_speaker_has_checked_is_marked_and_the_page_knows() -> None:
    with reading("fr") as one:
        assert _("Patients") == "Patients"
        assert not one.unreviewed
        assert clinical("high risk") == "risque élevé\N{WORD JOINER}‡"
        assert one.unreviewed
        assert str(C_("high risk")).endswith("‡")


def test_a_reviewed_clinical_text_has_no_mark() -> None:
    catalog = Catalog(locale="fr")
    catalog.add("Fits", "Convulsions", context="clinical")
    one = Reader("fr", texts=catalogues.of("fr", catalog))
    assert (one.text("clinical", "Fits"), one.unreviewed) == ("Convulsions", False)


def test_a_text_without_a_translation_stays_english() -> None:
    with reading("ha"):
        assert _("No catalogue has this") == "No catalogue has this"
        assert ngettext("%(count)s such", "%(count)s suchlike", 2) == "2 suchlike"


@pytest.mark.parametrize(
    ("language", "day", "month", "age"),
    [
        ("en", "9 October 2014", "June 2012", "about 24 years"),
        ("fr", "9 octobre 2014", "juin 2012", "environ 24 ans"),
        ("sw", "9 Oktoba 2014", "Juni 2012", "takriban miaka 24"),
        ("ar", "9 أكتوبر 2014", "يونيو 2012", "نحو 24 سنة"),
    ],
)
def test_dates_and_ages_are_the_languages_own(language: str, day: str, month: str, age: str) -> None:
    with reading(language):
        assert dates.day("2014-10-09T14:58:00+11:00") == day
        assert dates.day("2012-06") == month
        assert dates.age("2002", date(2026, 3, 1)) == age


def test_a_clinics_region_decides_about_digits_and_names_of_months() -> None:
    with reading("ar", Locale.parse("ar_EG")):
        assert dates.day("2014-10-09") == "٩ أكتوبر ٢٠١٤"
        assert words.quantity({"value": "6.50", "unit": "mg"}) == "\u2066٦٫٥٠ mg\u2069"
    with reading("ar", Locale.parse("ar_DZ")):
        assert dates.day("2014-10-09") == "9 أكتوبر 2014"
    with reading("fr"):
        assert words.quantity({"value": "6.50", "unit": "mg"}) == "6,50 mg"


@given(
    st.decimals(min_value=-10_000, max_value=10_000, places=3), st.sampled_from(["en", "fr", "sw", "ha", "ar", "ar_EG"])
)
def test_no_digit_of_an_amount_is_lost_in_any_language(number: object, locale: str) -> None:
    assert plain_number(amount(str(number), Locale.parse(locale))) == str(number)


def test_amounts_and_telephone_numbers_keep_their_order_within_arabic() -> None:
    weight = {"value": "74.2353123", "unit": "kg"}
    with reading("ar"):
        assert words.nearly(words.quantity(weight)) == "\u2066≈ 74.2353 kg\u2069"
        assert words.telephone({"telecom": [{"value": "+234 803 555 0002"}]}) == "\u2066+234 803 555 0002\u2069"
        assert words.quantity({"value": 6, "code": "a"}) == "6 سنوات"
    with reading("fr"):
        assert words.nearly(words.quantity(weight)) == "≈ 74,2353 kg"
    assert words.nearly(words.quantity(weight)) == "≈ 74.2353 kg"


def test_counts_are_grouped_and_amounts_are_not() -> None:
    assert in_digits("1,234", Locale.parse("ar_EG")) == "١٬٢٣٤"
    assert amount("1234", Locale.parse("en_001")) == "1234"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CI,fr;q=0.9,en;q=0.8", "fr"),
        ("de, sw;q=0.5, ar;q=0.7", "ar"),
        ("SW", "sw"),
        ("en;q=0, ha", "ha"),
        ("de", None),
        ("*", None),
        ("", None),
        ("fr;q=wrong", None),
        ("," * 10_000, None),
    ],
)
def test_the_browsers_languages_are_taken_in_their_order(header: str, language: str | None) -> None:
    assert accepted(header, ("en", "fr", "sw", "ha", "ar")) == language


def test_what_somebody_chose_comes_before_the_browser_and_that_before_the_clinic() -> None:
    assert choose("medtech_language=sw; other=1", "fr", "ar_SD").language == "sw"
    assert choose("medtech_language=../x", "fr", "ar_SD").language == "fr"
    clinics = choose(None, None, "ar_SD")
    assert (clinics.language, str(clinics.locale), clinics.direction) == ("ar", "ar_SD", "rtl")
    assert choose(None, None, "xx_YY").language == "en"


@given(st.text(), st.text())
def test_whatever_is_asked_for_there_is_a_language(cookie: str, header: str) -> None:
    assert choose(cookie, header, "en").language in {"en", "fr", "sw", "ha", "ar"}


def test_languages_have_their_own_names_on_the_menu() -> None:
    assert dict(menu()) == {"en": "English", "ar": "العربية", "fr": "Français", "ha": "Hausa", "sw": "Kiswahili"}


def test_threads_work_in_the_language_of_who_asked() -> None:
    threads = Threads()

    async def ask(language: str) -> tuple[str, str]:
        with reading(language):
            return await threads.search(_, "Mother"), await threads.write(_, "Mother")

    async def both() -> list[tuple[str, str]]:
        return list(await asyncio.gather(ask("fr"), ask("sw"), ask("en")))

    assert asyncio.run(both()) == [("Mère", "Mère"), ("Mama", "Mama"), ("Mother", "Mother")]
    threads.close()
