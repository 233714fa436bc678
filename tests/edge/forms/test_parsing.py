"""A form as data: what people type becomes answers, or is asked back; nothing that is plausible is refused, nothing impossible taken."""

import io
import subprocess
import sys
import textwrap
import warnings
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_node.forms.answers import Answers, Dated, Person, Upload
from edge_node.forms.fields import AnyOf, Choice, Field, Form, Kind, Section, Span, When, between, when, wrong
from edge_node.forms.parsing import Doubt, Found, Problem, Questions, named, parse
from edge_node.forms.pictures import READ_WHOLE_PIXELS_MAX, NoPicture, opened
from edge_node.language import N_, reading

TODAY = date(2026, 3, 31)


def form(*fields: Field, checks: tuple[object, ...] = ()) -> Form:
    return Form(title=N_("Visit"), sections=(Section(title=N_("Signs"), fields=fields),), checks=checks)  # type: ignore[arg-type]


def answered(field: Field, typed: str) -> Answers | Questions:
    return parse(form(field), {field.name: (typed,)}, TODAY)


def said(asked: Answers | Questions) -> list[str]:
    assert isinstance(asked, Questions)
    return [str(one.text) for one in asked.problems] + [str(one.text) for one in asked.doubts]


WEIGHT = Field(
    name="weight",
    label=N_("Weight"),
    kind=Kind.DECIMAL,
    unit="kg",
    possible=between("0.3", "350"),
    plausible=between("30", "150"),
)
BIRTH = Field(
    name="birth",
    label=N_("Date of birth"),
    kind=Kind.DATE,
    partial=True,
    estimable=True,
    by_age=True,
    possible_days=Span(date(1900, 1, 1), TODAY),
    plausible_days=Span(date(1926, 1, 1), TODAY),
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("62", "62"), ("62.50", "62.50"), ("62,50", "62.50"), (" ٦٢٫٥٠ ", "62.50"), ("६२.५", "62.5"), ("062.5", "62.5")],
)
def test_a_number_keeps_the_digits_that_were_typed_in_any_script(typed: str, kept: str) -> None:
    answers = answered(WEIGHT, typed)
    assert isinstance(answers, Answers)
    assert str(answers.number("weight")) == kept


@given(st.decimals(min_value=30, max_value=150, places=3))
def test_every_plausible_number_is_taken_as_it_is(number: Decimal) -> None:
    answers = answered(WEIGHT, str(number))
    assert isinstance(answers, Answers)
    assert str(answers.number("weight")) == str(number)


@given(st.text())
def test_whatever_is_typed_is_an_answer_a_question_or_nothing_and_never_an_error(typed: str) -> None:
    kinds = [kind for kind in Kind if kind not in (Kind.CHOICE, Kind.CHOICES)]
    fields = [
        Field(name=kind.value, label=N_("Weight"), kind=kind, partial=kind is Kind.DATE, by_age=True) for kind in kinds
    ]
    names = [f"{field.name}{part}" for field in fields for part in ("", ".day", ".month", ".year", ".age", ".who")]
    read = parse(form(*fields), dict.fromkeys(names, (typed,)), TODAY)
    assert isinstance(read, Answers | Questions)


@pytest.mark.parametrize("typed", ["6o", "1.2.3", "1,234,567", "1e3", "--5", "12345678901", "six", "٦٢٫٥٫٠"])
def test_what_is_no_number_is_refused_beside_the_field(typed: str) -> None:
    assert said(answered(WEIGHT, typed)) == ["Type a number, without letters."]


def test_what_is_impossible_is_refused_and_what_is_implausible_is_asked_once_more() -> None:
    assert said(answered(WEIGHT, "900")) == ["This can only be from 0.3 to 350 kg."]
    assert said(answered(WEIGHT, "210")) == ["Is 210 kg right?"]


def test_a_tick_counts_for_just_the_value_that_was_asked_about() -> None:
    confirmed = {"weight": ("210",), "confirm.weight": ("210",)}
    assert isinstance(parse(form(WEIGHT), confirmed, TODAY), Answers)
    assert said(parse(form(WEIGHT), {**confirmed, "weight": ("201",)}, TODAY)) == ["Is 201 kg right?"]


@pytest.mark.parametrize(
    ("sent", "text", "estimated"),
    [
        ({"birth.day": "3", "birth.month": "5", "birth.year": "1990"}, "1990-05-03", False),
        ({"birth.month": "٥", "birth.year": "١٩٩٠"}, "1990-05", False),
        ({"birth.year": "1990", "birth.estimated": "yes"}, "1990", True),
        ({"birth.age": "35"}, "1991", True),
        ({"birth.age": "5", "birth.age_unit": "months"}, "2025-10", True),
        ({"birth": "1990-05-03"}, "1990-05-03", False),
        ({"birth": "3/5/1990"}, "1990-05-03", False),
    ],
)
def test_a_date_may_be_partial_estimated_or_an_age(sent: dict[str, str], text: str, estimated: bool) -> None:
    answers = parse(form(BIRTH), {name: (value,) for name, value in sent.items()}, TODAY)
    assert isinstance(answers, Answers)
    assert answers.date("birth") == Dated(text, estimated)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"birth.day": "31", "birth.month": "2", "birth.year": "1990"}, "There is no such date."),
        ({"birth.year": "90"}, "There is no such date."),
        ({"birth.year": "1_90"}, "There is no such date."),
        ({"birth.year": "+990"}, "There is no such date."),
        ({"birth.year": "1990", "birth.month": "+5"}, "There is no such date."),
        ({"birth.day": "3", "birth.year": "1990"}, "Type the month too, or leave out the day."),
        ({"birth.day": "3", "birth.month": "2"}, "Type the year too."),
        ({"birth.year": "2027"}, "This day cannot be: look at the year."),
        ({"birth.year": "1990", "birth.age": "36"}, "Give the date or the age, not both."),
        ({"birth.age": "140"}, "This can only be from 0 to 120 years."),
        ({"birth.year": "1910"}, "Is this date right?"),
    ],
)
def test_a_date_that_cannot_be_is_told_why(sent: dict[str, str], told: str) -> None:
    assert said(parse(form(BIRTH), {name: (value,) for name, value in sent.items()}, TODAY)) == [told]


def test_a_date_knows_its_first_and_last_day() -> None:
    assert (Dated("2024-02").first, Dated("2024-02").last) == (date(2024, 2, 1), date(2024, 2, 29))
    assert (Dated("2024").first, Dated("2024").last) == (date(2024, 1, 1), date(2024, 12, 31))
    assert Dated("2024-02-03").exact


def test_what_is_not_asked_does_not_count_whatever_was_sent() -> None:
    sex = Field(
        name="sex",
        label=N_("Sex"),
        kind=Kind.CHOICE,
        choices=(Choice("female", N_("Female")), Choice("male", N_("Male"))),
    )
    weeks = Field(name="weeks", label=N_("Weeks"), kind=Kind.INTEGER, required=True, when=when("sex", "female"))
    rest = Field(name="rest", label=N_("Again"), kind=Kind.INTEGER, when=(When("weeks", at_least=Decimal(30)),))
    sent = {"sex": ("male",), "weeks": ("nonsense",), "rest": ("1",)}
    answers = parse(form(sex, weeks, rest), sent, TODAY)
    assert isinstance(answers, Answers)
    assert dict(answers.values) == {"sex": "male"}
    assert said(parse(form(sex, weeks, rest), {"sex": ("female",)}, TODAY)) == ["This is needed."]
    later = parse(form(sex, weeks, rest), {"sex": ("female",), "weeks": ("32",), "rest": ("1",)}, TODAY)
    assert isinstance(later, Answers)
    assert later.whole("rest") == 1


def test_none_of_these_excludes_the_others() -> None:
    signs = Field(
        name="signs",
        label=N_("Danger signs"),
        kind=Kind.CHOICES,
        choices=(Choice("none", N_("None"), alone=True), Choice("fits", N_("Fits")), Choice("fever", N_("Fever"))),
    )
    both = parse(form(signs), {"signs": ("fever", "fits")}, TODAY)
    assert isinstance(both, Answers)
    assert both.chosen("signs") == ("fits", "fever"), "in the order of the form"
    assert said(parse(form(signs), {"signs": ("none", "fits")}, TODAY)) == [
        "“None” cannot be chosen together with others."
    ]
    assert said(parse(form(signs), {"signs": ("coma",)}, TODAY)) == ["Choose among these."]


@pytest.mark.parametrize(
    ("typed", "kept"), [("0803 555-0101", "08035550101"), ("+234 (0)803", "+2340803"), ("00234803555", "+234803555")]
)
def test_a_telephone_number_is_kept_as_digits(typed: str, kept: str) -> None:
    answers = answered(Field(name="phone", label=N_("Telephone"), kind=Kind.PHONE), typed)
    assert isinstance(answers, Answers)
    assert answers.text("phone") == kept


def test_what_several_answers_say_together_is_looked_at_when_each_is_right() -> None:
    def lower(answers: Answers) -> list[Problem | Doubt]:
        high, low = answers.number("high"), answers.number("low")
        if high is None or low is None or low < high:
            return []
        return [Problem("low", N_("The lower value is above the upper one."))]

    high = Field(name="high", label=N_("Upper"), kind=Kind.INTEGER)
    low = Field(name="low", label=N_("Lower"), kind=Kind.INTEGER)
    asked = parse(form(high, low, checks=(lower,)), {"high": ("80",), "low": ("120",)}, TODAY)
    assert said(asked) == ["The lower value is above the upper one."]


def test_somebody_who_is_named_is_asked_for_once_among_those_found() -> None:
    mother = form(Field(name="mother", label=N_("Mother"), kind=Kind.PERSON))
    found = {"mother": (Found("p1", "Ama Mensah", "24 years"),)}
    assert named(mother, {"mother": ("Ama  Mensah",)}) == {"mother": "Ama Mensah"}
    asked = parse(mother, {"mother": ("Ama",)}, TODAY, found=found)
    assert isinstance(asked, Questions)
    assert asked.people["mother"][0].id == "p1"
    chosen = {"mother": ("Ama",), "mother.who": ("p1",)}
    assert named(mother, chosen) == {}
    for who, id_ in (("p1", "p1"), ("nobody", None)):
        answers = parse(mother, {**chosen, "mother.who": (who,)}, TODAY)
        assert isinstance(answers, Answers)
        assert answers.person("mother") == Person("Ama", id_)


def picture(size: tuple[int, int] = (3000, 2000)) -> bytes:
    image, file = Image.new("RGB", size, "teal"), io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = "A camera that tells its name"
    exif[0x0112] = 6
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_photo_is_kept_small_upright_and_without_what_the_camera_wrote() -> None:
    photo = form(Field(name="photo", label=N_("Photo"), kind=Kind.PHOTO))
    answers = parse(photo, {}, TODAY, {"photo": Upload("../../x.jpg", "text/html", picture())})
    assert isinstance(answers, Answers)
    kept = answers.file("photo")
    assert kept is not None
    assert (kept.name, kept.media_type) == ("photo.jpg", "image/jpeg")
    with Image.open(io.BytesIO(kept.content)) as image:
        assert image.size == (427, 640)
        assert not image.getexif()
    assert b"camera" not in kept.content
    refused = parse(photo, {}, TODAY, {"photo": Upload("a.jpg", "image/jpeg", b"no picture")})
    assert said(refused) == ["This is no picture that can be read here. Take a photo, or choose another file."]


def written(kind: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("L", size).save(file, kind)
    return file.getvalue()


def test_a_small_file_that_claims_to_be_a_huge_picture_is_no_picture() -> None:
    for size in ((6000, 6000), (READ_WHOLE_PIXELS_MAX + 1, 1)):
        with pytest.raises(NoPicture):
            opened(written("PNG", size))


@pytest.mark.parametrize(
    ("kind", "size"), [("PNG", (1, 24_000_000)), ("PNG", (20_000, 20_000)), ("WEBP", (4990, 4990))]
)
def test_a_small_file_that_would_take_much_memory_is_no_picture(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(NoPicture):
        opened(written(kind, size))


def test_a_large_photograph_is_made_smaller_while_it_is_read() -> None:
    assert opened(written("JPEG", (7600, 7600))).size == (3800, 3800)


def test_a_large_picture_of_another_format_is_made_smaller_before_it_is_turned() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4100, 5000)).save(file, "PNG", exif=exif)
    assert opened(file.getvalue()).size == (2500, 2050)


def test_large_pictures_that_are_sent_at_once_take_the_memory_of_one() -> None:
    code = """
        import io, resource
        from concurrent.futures import ThreadPoolExecutor
        from PIL import Image
        from edge_node.forms.pictures import kept
        Image.new("RGB", (4990, 5000)).save(file := io.BytesIO(), "PNG", compress_level=1)
        most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kept(file.getvalue())
        one = most()
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(kept, [file.getvalue()] * 6))
        print((most() - one) // 1024)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60, stdout=subprocess.PIPE, text=True
    )
    assert int(ended.stdout) < 250, "MB more than one of them took; six took 700 more"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 180), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_damaged_photograph_is_a_picture_or_none(damage: list[tuple[int, int]]) -> None:
    content = bytearray(picture((40, 30)))
    for at, value in damage:
        content[at % len(content)] = value
    with warnings.catch_warnings(), suppress(NoPicture):
        warnings.simplefilter("ignore")  # Pillow tells of what cameras wrote wrongly
        assert opened(bytes(content)).mode == "RGB"


def test_what_a_camera_wrote_wrongly_is_no_failure_of_ours() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    Image.new("RGB", (8, 8)).save(file, "PNG", exif=exif)
    whole = file.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at in range(len(whole)):
            for value in (0, 2, 5, 12, 255):
                with suppress(NoPicture):
                    assert opened(whole[:at] + bytes([value]) + whole[at + 1 :]).mode == "RGB"


def test_a_form_that_makes_no_sense_is_found() -> None:
    later = Field(name="a", label=N_("A"), when=when("b"))
    assert wrong(form(later, later, Field(name="c", label=N_("C"), kind=Kind.CHOICE))) == [
        "a: asked when b, which is not above",
        "a: not a name, or there twice",
        "a: asked when b, which is not above",
        "c: no choices",
    ]


def test_messages_are_in_the_language_of_who_reads_them() -> None:
    asked = answered(WEIGHT, "210")
    with reading("fr"):
        assert said(asked) == ["210 kg, est-ce exact ?"]


EITHER = form(
    Field(name="upper", label=N_("Upper"), kind=Kind.INTEGER),
    Field(name="lower", label=N_("Lower"), kind=Kind.INTEGER),
    Field(
        name="again",
        label=N_("Again"),
        kind=Kind.INTEGER,
        required=True,
        when=(AnyOf((When("upper", at_least=Decimal(140)), When("lower", at_least=Decimal(90)))),),
    ),
)


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"upper": "139"}, False),
        ({"upper": "140"}, True),
        ({"lower": "90"}, True),
        ({"upper": "120", "lower": "89"}, False),
    ],
)
def test_a_field_may_be_asked_when_any_of_several_conditions_holds(sent: dict[str, str], asked: bool) -> None:
    read = parse(EITHER, {name: (value,) for name, value in sent.items()}, TODAY)
    assert isinstance(read, Questions) is asked
    assert wrong(EITHER) == []
