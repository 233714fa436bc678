"""How much is sent at once and how long is waited: within bounds whatever happens, and as the hub says."""

from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import bounds
from sync_protocol.exchange import pace


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("ok"), st.integers(0, 60_000), st.integers(0, 1 << 22)),
            st.tuples(st.just("fail"), st.just(0), st.just(0)),
            st.tuples(st.just("measure"), st.integers(0, 5000), st.integers(0, 1 << 22)),
        ),
        max_size=60,
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_pace_stays_within_its_bounds(story: list[tuple[str, int, int]], chance: float) -> None:
    now = pace.Pace()
    for what, one, two in story:
        before = now
        if what == "ok":
            now = pace.succeeded(now, one, two, 0, two)
            assert (now.failures, now.credit_bytes) == (0, two)
        elif what == "fail":
            now = pace.failed(now)
            assert now.frame_bytes <= before.frame_bytes
            assert now.failures == before.failures + 1
        else:
            now = pace.measured(now, one, two)
        assert bounds.FRAME_BYTES_FLOOR <= now.frame_bytes <= bounds.FRAME_BYTES_TOP
        assert 1 <= pace.resources_per_frame(now) <= bounds.FRAME_RESOURCES_MAX
        assert 0 < pace.aimed_bytes(now) <= pace.most_bytes(now) <= 2 * now.frame_bytes
        assert not now.credit_bytes or pace.most_bytes(now) <= now.credit_bytes
        assert 0 <= pace.wait_ms(now, chance) < bounds.BACKOFF_TOP_MS
        assert (pace.wait_ms(now, 0.999) > 0) == (now.failures > 0)


def test_the_hub_s_word_on_how_much_to_send_holds_until_its_next() -> None:
    now = pace.succeeded(pace.Pace(), 100, 0, 0, 4_000)
    assert (pace.aimed_bytes(now), pace.most_bytes(now)) == (4_000, 4_000)
    assert pace.resources_per_frame(now) == 4_000 // now.bytes_per_resource
    assert pace.failed(now).credit_bytes == pace.measured(now, 10, 1_000).credit_bytes == 4_000
    freed = pace.succeeded(now, 100, 0, 0)
    assert (pace.aimed_bytes(freed), pace.most_bytes(freed)) == (freed.frame_bytes, 2 * freed.frame_bytes)
    generous = pace.succeeded(pace.Pace(), 100, 0, 0, bounds.FRAME_BYTES_TOP)
    assert pace.aimed_bytes(generous) == bounds.FRAME_BYTES_START  # the link's own pace counts as well


def test_pace_finds_its_way_down_and_up_again() -> None:
    now = pace.Pace()
    for _ in range(10):
        now = pace.failed(now)
    assert now.frame_bytes == bounds.FRAME_BYTES_FLOOR
    assert pace.succeeded(now, 1000, 10, 10).frame_bytes == bounds.FRAME_BYTES_FLOOR, "quick, but not full"
    for _ in range(12):
        now = pace.succeeded(now, 1000, now.frame_bytes, 0)
    assert now.frame_bytes == bounds.FRAME_BYTES_TOP
    assert pace.succeeded(now, 30_000, now.frame_bytes, 0).frame_bytes == bounds.FRAME_BYTES_TOP // 2
