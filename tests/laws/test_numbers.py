"""A patient number survives being read aloud: any one wrong digit and any exchange of neighbours is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.matching import numbers
from sync_protocol.matching.numbers import NumberFault, PatientNumber

given_numbers = st.builds(
    numbers.make,
    st.integers(numbers.NODE_LOWEST, numbers.NODE_LOWEST + numbers.NODES - 1),
    st.integers(0, 2**64 - 1),
)


@given(given_numbers)
def test_what_is_printed_is_read_again_however_it_is_grouped(number: PatientNumber) -> None:
    assert len(number.digits) == numbers.DIGITS
    assert numbers.parse(number.grouped) == number
    assert numbers.parse(number.grouped.replace(" ", "-")) == number
    assert numbers.parse(f"\t{number.digits}\u00a0") == number
    assert numbers.parse("".join("٠١٢٣٤٥٦٧٨٩"[int(digit)] for digit in number.digits)) == number
    assert number.digits.startswith(str(number.node))


@given(given_numbers)
def test_every_single_wrong_digit_is_noticed(number: PatientNumber) -> None:
    digits = number.digits
    wrong = [
        digits[:place] + other + digits[place + 1 :]
        for place in range(len(digits))
        for other in "0123456789"
        if other != digits[place]
    ]
    assert not any(map(numbers.is_number, wrong))


@given(given_numbers)
def test_every_exchange_of_two_neighbours_is_noticed(number: PatientNumber) -> None:
    digits = number.digits
    exchanged = {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(len(digits) - 1)}
    assert not any(map(numbers.is_number, exchanged - {digits}))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        (" - ", "empty"),
        ("4071 8325 90", "too-short"),
        ("4071 8325 9046 1", "too-long"),
        ("4071 8325 90A6", "not-digits"),
        ("4071 8325 ²046", "not-digits"),
        ("0000 0000 0000", "wrong-digit"),
    ],
)
def test_what_is_no_number_says_why_and_is_not_repeated(text: str, fault: str) -> None:
    with pytest.raises(NumberFault) as raised:
        numbers.parse(text)
    assert raised.value.fault == fault
    assert "4071" not in str(raised.value)


def test_a_wrong_digit_is_told_from_a_missing_one() -> None:
    number = numbers.make(40718, 325904)
    last = str((int(number.digits[-1]) + 1) % 10)
    with pytest.raises(NumberFault, match="wrong-digit"):
        numbers.parse(number.digits[:-1] + last)


def test_a_node_that_is_none_gives_no_number() -> None:
    with pytest.raises(ValueError, match="five digits"):
        numbers.make(9_999, 1)


@given(st.integers(0, 2**64 - 1))
def test_a_node_has_five_digits_that_begin_with_no_zero(chance: int) -> None:
    assert 10_000 <= numbers.node_number(chance) <= 99_999
