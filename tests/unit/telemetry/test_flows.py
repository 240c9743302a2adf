"""Sizes and rates of messages, as the classic CSV shows them."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from logferry.telemetry.counters import Metrics
from logferry.telemetry.flows import SAMPLE_INTERVAL_S, Cutter, Flow

LINES = st.lists(st.integers(0, 60), min_size=1, max_size=16)


def lines(*sizes: int) -> bytes:
    return b"".join(b"x" * size + b"\n" for size in sizes)


@given(LINES, LINES)
def test_small_batches_are_measured_exactly(first, second):
    flow = Flow()
    for sizes in (first, second):
        flow.note(lines(*sizes), len(sizes))
    sizes = [size + 1 for size in first + second]
    assert flow.largest == max(sizes)
    assert flow.average == sum(sizes) // len(sizes)


@given(LINES)
def test_a_client_s_newlines_do_not_count(sizes):
    flow = Flow(newline_bytes=0)
    flow.note(lines(*sizes), len(sizes))
    assert flow.largest == max(sizes)
    assert flow.average == sum(sizes) // len(sizes)


@given(LINES)
def test_records_without_newline_are_told_apart_by_their_ends(sizes):
    flow = Flow()
    sizes = [size + 1 for size in sizes]
    flow.note(b"x" * sum(sizes), len(sizes), list(accumulate(sizes)))
    assert flow.largest == max(sizes)


@given(st.integers(0, 99), st.booleans())
def test_a_giant_is_found_in_any_batch_wherever_it_stands(place, has_ends):
    flow = Flow()
    sizes = [100 + index % 7 for index in range(100)]
    for _ in range(70):
        flow.note(lines(*sizes), 100)
    assert flow.largest == 107
    sizes[place] = 5000
    data = lines(*sizes)
    ends = list(accumulate(size + 1 for size in sizes)) if has_ends else None
    flow.note(data, 100, ends)
    assert flow.largest == 5001


def test_among_short_messages_in_dense_traffic_every_64th_batch_is_measured():
    flow = Flow()
    flow.note(lines(*[50] * 100), 100)
    for _ in range(64):
        flow.note(lines(*[50] * 99, 80), 100)
    assert flow.largest == 81


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=16))
def test_frames_are_measured_exactly(frames):
    flow = Flow()
    flow.note_frames(frames, sum(map(len, frames)))
    assert flow.largest == max(map(len, frames))
    assert flow.average == sum(map(len, frames)) // len(frames)


def test_batches_have_sizes_of_their_own():
    flow = Flow()
    assert flow.batch_average == 0
    flow.note_batch(100)
    flow.note_batch(301)
    assert (flow.batch_largest, flow.batch_average) == (301, 200)


def test_rates_are_of_the_last_hour_the_last_day_and_all_time():
    flow = Flow(now=1000.0)
    flow.note(lines(*[1] * 7200), 7200)
    assert flow.rates(1000.0 + 3600) == (2, 2, 2)
    for _ in range(13):  # an hour and five minutes later
        flow.sample()
    assert flow.rates(1000.0 + 7200) == (0, 1, 1)
    flow.note(lines(*[1] * 3600), 3600)
    assert flow.rates(1000.0 + 7200) == (1, 1, 1)
    for _ in range(int(25 * 3600 / SAMPLE_INTERVAL_S)):
        flow.sample()
    assert flow.rates(1000.0 + 27 * 3600) == (0, 0, 0)
    assert Flow(now=5.0).rates(5.0) == (0, 0, 0)


class Owner:
    flow = Flow()


def test_what_is_cut_is_counted_where_the_record_is():
    cutter = Cutter()
    assert cutter.cut(b"12345", 3) == b"123"  # before the destination is known
    cutter.owner = Owner()
    assert cutter.cut(b"12345", 5) == b"12345"
    assert cutter.cut(b"12345", 0) == b""
    assert cutter.cut(b"12345", 4) == b"1234"
    assert (Owner.flow.truncated_count, Owner.flow.truncated_bytes) == (2, 6)


def test_a_row_shows_its_flow_until_it_is_discarded():
    metrics = Metrics()
    now = [0.0]
    metrics.clock = lambda: now[0]
    row = ("dst.network", "d#0", "tcp,h:1")
    flow = metrics.flow(row, has_truncation=True)
    assert metrics.flow(row, has_truncation=True) is flow
    flow.note(lines(9, 19), 2)
    now[0] = 2.0

    def shown() -> dict[str, float]:
        return {item.legacy.type: item.value for item in metrics if item.legacy}

    assert shown() == {
        "msg_size_max": 20,
        "msg_size_avg": 15,
        "eps_last_1h": 1,
        "eps_last_24h": 1,
        "eps_since_start": 1,
        "truncated_count": 0,
        "truncated_bytes": 0,
    }
    metrics.discard_flow(row)
    assert shown() == {}


def test_a_flow_goes_with_the_series_beside_it():
    from logferry.telemetry.counters import Legacy

    metrics = Metrics()
    row = ("src.file", "s#0", "a.log")
    metrics.counter("x", legacy=Legacy(*row, "processed"), dynamic=True)
    metrics.flow(row)
    assert len(list(metrics)) == 6
    metrics.expire(1.0, 10.0)
    metrics.expire(11.0, 10.0)
    assert list(metrics) == []
    metrics.counter("x", legacy=Legacy(*row, "processed"))
    metrics.flow(row)
    metrics.mark_orphans(lambda series: False)
    metrics.remove_orphans()
    assert list(metrics) == []
    assert metrics.flow(row).count == 0
