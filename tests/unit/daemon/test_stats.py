"""Counters as text: the reference's CSV, its Prometheus form, and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.metrics import parse_prometheus
from logferry.daemon import stats
from logferry.telemetry.counters import Legacy, Metrics


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.counter(
        "output_events_total",
        {"result": "delivered", "id": "d#0", "address": "a:1"},
        legacy=Legacy("dst.network", "d#0", "tcp,a:1", "written"),
    ).value = 3
    metrics.gauge("load_seconds").value = 0.25
    metrics.counter(
        "filtered_events_total",
        {"id": "f", "result": "matched"},
        level=1,
        legacy=Legacy("filter", "f", "", "matched"),
    ).value = 2
    return metrics


def test_csv_rows_have_six_columns_under_the_header(metrics):
    assert stats.render_csv(metrics, 1).splitlines() == [
        "SourceName;SourceId;SourceInstance;State;Type;Number",
        "dst.network;d#0;tcp,a:1;a;written;3",
        "filter;f;;a;matched;2",
    ]


def test_csv_says_what_is_dynamic_and_what_is_orphaned(metrics):
    metrics.counter(
        "", legacy=Legacy("src.host", "", "h", "processed"), dynamic=True
    ).value = 1
    metrics.mark_orphans(
        lambda series: series.legacy is None or series.legacy.id != "f"
    )
    rows = stats.render_csv(metrics, 1).splitlines()
    assert "src.host;;h;d;processed;1" in rows
    assert "filter;f;;o;matched;2" in rows


def test_csv_fields_cannot_break_out_of_their_column(metrics):
    metrics.counter("", legacy=Legacy("dst.file", "d", 'a;b"c\nd', "written"))
    assert 'dst.file;d;"a;b\\"c\\nd";a;written;0' in stats.render_csv(metrics)


def test_levels_hide_what_is_above_them(metrics):
    assert "filter" not in stats.render_csv(metrics, 0)
    assert "filtered_events_total" not in stats.render_prometheus(metrics, 0)
    assert "filtered_events_total" in stats.render_prometheus(metrics, 1)


def test_prometheus_labels_are_sorted_with_the_result_last(metrics):
    assert stats.render_prometheus(metrics).splitlines() == [
        'syslogng_output_events_total{address="a:1",id="d#0",result="delivered"} 3',
        "syslogng_load_seconds 0.25",
    ]


@given(st.text())
def test_a_label_can_never_inject_a_line_or_another_label(value):
    metrics = Metrics()
    metrics.counter("x", {"label": value}).value = 1
    text = stats.render_prometheus(metrics)
    assert text.count("\n") == 1
    assert text.endswith("} 1\n")
    (sample,) = parse_prometheus(text)
    assert set(sample.labels) == {"label"}


def test_an_exposition_groups_series_under_their_type(metrics):
    metrics.counter("output_events_total", {"id": "e#0"})
    lines = stats.render_exposition(metrics, 1).splitlines()
    assert lines[:3] == [
        "# TYPE syslogng_output_events_total counter",
        'syslogng_output_events_total{address="a:1",id="d#0",result="delivered"} 3',
        'syslogng_output_events_total{id="e#0"} 0',
    ]
    assert "# TYPE syslogng_load_seconds gauge" in lines


def test_a_name_with_counters_and_gauges_is_untyped(metrics):
    metrics.gauge("output_events_total", {"id": "d#0", "result": "queued"})
    assert "# TYPE syslogng_output_events_total untyped" in (
        stats.render_exposition(metrics)
    )


@pytest.mark.parametrize(
    ("command", "pattern", "answer"),
    [
        ("LIST", "*", "dst.network.d#0.tcp,a:1.written\nfilter.f.matched\n"),
        ("GET", "filter.*", "filter.f.matched=2\n"),
        ("GET", "nothing", ""),
        ("GET_SUM", "*", "5\n"),
        ("GET_SUM", "nothing", ""),
    ],
)
def test_queries_answer_as_the_reference(metrics, command, pattern, answer):
    assert stats.query(metrics, command, pattern) == answer


def test_a_query_resets_only_what_it_chose(metrics):
    answer = stats.query(metrics, "GET_SUM_RESET", "filter.*")
    assert answer == ("2\nThe selected counters of syslog-ng have been reset to 0.\n")
    assert stats.query(metrics, "GET", "*") == (
        "dst.network.d#0.tcp,a:1.written=3\nfilter.f.matched=0\n"
    )


def test_a_reset_keeps_gauges(metrics):
    assert stats.reset(metrics) == (
        "The statistics of syslog-ng have been reset to 0.\n"
    )
    assert "load_seconds 0.25" in stats.render_prometheus(metrics)
    assert 'result="delivered"} 0' in stats.render_prometheus(metrics)
