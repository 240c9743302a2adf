"""Answers of several workers as one."""

from __future__ import annotations

from logferry.daemon.merge import merge_answers


def test_rows_of_the_csv_are_added_up() -> None:
    head = "SourceName;SourceId;SourceInstance;State;Type;Number\n"
    answers = [f"{head}dst.file;d;x;a;written;3\n", f"{head}dst.file;d;x;a;written;4\n"]
    assert (
        merge_answers("STATS", ["CSV"], answers) == f"{head}dst.file;d;x;a;written;7\n"
    )


def test_a_row_that_only_one_worker_has_is_kept() -> None:
    answers = ["h;Number\na;1\n", "h;Number\na;1\nb;5\n"]
    assert merge_answers("STATS", [], answers) == "h;Number\na;2\nb;5\n"


def test_prometheus_series_are_added_up() -> None:
    answers = ['x_total{id="d 1"} 3\n', 'x_total{id="d 1"} 4\n']
    assert merge_answers("STATS", ["PROMETHEUS"], answers) == 'x_total{id="d 1"} 7\n'


def test_of_latencies_the_worst_counts() -> None:
    answers = ["x_latency_seconds 0.5\n", "x_latency_seconds 0.25\n"]
    assert merge_answers("HEALTHCHECK", [], answers) == "x_latency_seconds 0.5\n"


def test_sums_are_added_up() -> None:
    assert merge_answers("QUERY", ["GET_SUM", "*"], ["3\n", "4\n"]) == "7\n"


def test_names_are_listed_once() -> None:
    assert merge_answers("QUERY", ["LIST"], ["a\nb\n", "b\nc\n"]) == "a\nb\nc\n"


def test_one_failure_is_the_answer() -> None:
    assert merge_answers("RELOAD", [], ["OK good\n", "FAIL bad\n"]) == "FAIL bad\n"


def test_equal_answers_are_given_once_and_others_under_their_workers() -> None:
    assert merge_answers("STOP", [], ["OK x\n", "OK x\n"]) == "OK x\n"
    assert merge_answers("POOL", [], ["a\n", "b\n"]) == "worker 0:\na\nworker 1:\nb"


def test_histograms_of_latencies_are_added_up_too() -> None:
    lines = (
        'x_latency_seconds_bucket{le="0.001"} %d\n'
        "x_latency_seconds_sum %d\nx_latency_seconds_count %d\n"
    )
    answers = [lines % (1, 2, 3), lines % (10, 20, 30)]
    assert merge_answers("STATS", ["PROMETHEUS"], answers) == lines % (11, 22, 33)
