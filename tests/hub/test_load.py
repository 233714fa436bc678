"""What a hub in work tells nodes: how much to send next, and when to come again."""

from random import Random

import pytest

from hub.load import PLENTY, Load, retry_after_seconds
from sync_protocol import bounds

MIB = 1 << 20


def test_one_is_always_taken_in_and_more_while_there_is_room() -> None:
    assert Load().has_room(1, 10, 11)
    assert not Load(exchanges=1, bytes=5).has_room(1, 10, 1)
    assert Load(exchanges=1, bytes=5).has_room(2, 10, 5)
    assert not Load(exchanges=1, bytes=5).has_room(2, 10, 6)


def test_nothing_is_said_while_there_is_plenty() -> None:
    assert Load(exchanges=9, bytes=int(PLENTY * 64 * MIB)).credit_bytes(64 * MIB) == 0
    assert Load(exchanges=9, bytes=int(PLENTY * 64 * MIB) + 1).credit_bytes(64 * MIB) > 0
    assert Load(exchanges=9, bytes=0, refused=1).credit_bytes(64 * MIB) > 0


@pytest.mark.parametrize(
    ("exchanges", "in_work", "credit"),
    [
        (1, 40 * MIB, bounds.FRAME_BYTES_TOP),
        (100, 44 * MIB, 20 * MIB // 100),
        (100, 64 * MIB, bounds.FRAME_BYTES_FLOOR),
        (100, 99 * MIB, bounds.FRAME_BYTES_FLOOR),
        (0, 40 * MIB, bounds.FRAME_BYTES_TOP),
    ],
)
def test_what_is_left_is_shared_between_the_smallest_and_the_largest_frame(
    exchanges: int, in_work: int, credit: int
) -> None:
    assert Load(exchanges, in_work).credit_bytes(64 * MIB) == credit


def test_the_more_are_in_work_the_less_each_may_send() -> None:
    credits = [Load(count, 40 * MIB).credit_bytes(64 * MIB) for count in range(1, 2_000)]
    assert credits == sorted(credits, reverse=True)
    # Whatever all of them send next fits into what is left, unless it is the least that gets anybody on.
    for count, credit in enumerate(credits, 1):
        assert credit == bounds.FRAME_BYTES_FLOOR or credit * count <= 24 * MIB


def test_a_thousand_who_are_refused_at_once_come_one_after_the_other() -> None:
    """In virtual time: all call in the first second, a hub with 128 places does 64 a second, who is refused comes when it is told to."""
    chance, places, a_second = Random(4), 128, 64
    calls: dict[int, int] = {0: 1_000}
    busiest, refused, in_work, second, done = 0, 0, 0, 0, 0
    while any(calls.values()) or in_work:
        coming = calls.pop(second, 0)
        busiest = max(busiest, coming if second else 0)
        for _ in range(coming):
            if in_work < places:
                in_work += 1
                continue
            later = second + retry_after_seconds(2, refused, places, chance.random())
            calls[later] = calls.get(later, 0) + 1
            refused += 1
        ended = min(a_second, in_work)
        in_work, done, second = in_work - ended, done + ended, second + 1
        refused = refused if 2 * in_work > places else 0
    assert done == 1_000
    assert busiest < 250
    assert second < 3 * 1_000 / a_second


def test_who_is_alone_in_being_refused_comes_as_soon_as_said() -> None:
    assert retry_after_seconds(2, 0, 128, 0.999) == 2
    assert 2 <= retry_after_seconds(2, 1, 128, 0.999) <= 4
