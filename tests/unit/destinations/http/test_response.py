"""Statuses, verdicts, and Retry-After."""

from __future__ import annotations

import pytest

from logferry.destinations.http.events import (
    StatusClientError,
    StatusInformational,
    StatusRedirect,
    StatusServerError,
    StatusUnknown,
)
from logferry.destinations.http.response import (
    StatusTable,
    retry_after_s,
    status_event,
)
from logferry.policy.retry import Verdict

TABLE = StatusTable({}, frozenset({400, 413, 422, 431}))


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        ((200, 201, 204, 299), Verdict.ACCEPTED),
        ((400, 413, 422, 431), Verdict.REJECTED),
        ((410, 416, 424, 425, 451, 508), Verdict.REFUSED),
        ((102, 103, 304, 428, 504, 99, 600, 999), Verdict.BOUNDED),
        ((101, 301, 302, 401, 403, 404, 408, 429, 500, 502, 503), Verdict.FAILED),
    ],
)
def test_the_table_of_statuses(codes: tuple[int, ...], verdict: Verdict):
    assert {TABLE.verdict(code) for code in codes} == {verdict}


def test_422_is_refused_when_it_does_not_blame_the_request():
    assert StatusTable({}, frozenset({400})).verdict(422) is Verdict.REFUSED


def test_response_action_comes_first():
    actions = {400: "success", 200: "drop", 500: "retry", 504: "disconnect"}
    table = StatusTable(actions, frozenset({400}))
    assert [table.verdict(code) for code in (400, 200, 500, 504)] == [
        Verdict.ACCEPTED,
        Verdict.REFUSED,
        Verdict.BOUNDED,
        Verdict.FAILED,
    ]


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("999999", 3600),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str, wait_s: float | None):
    assert retry_after_s(value, now_s=10.0) == wait_s


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (102, StatusInformational),
        (304, StatusRedirect),
        (404, StatusClientError),
        (503, StatusServerError),
        (999, StatusUnknown),
    ],
)
def test_the_event_says_the_class_of_the_status(code: int, kind: type):
    assert type(status_event(code, "http://h/", "no", 3, "d#0")) is kind
