"""Answers that judge each record."""

from __future__ import annotations

import json

import pytest

from logferry.destinations.http.adapters import ADAPTERS
from logferry.destinations.http.response import StatusTable
from logferry.policy.retry import Verdict

TABLE = StatusTable({}, frozenset({400, 413}))
OK, BAD, AGAIN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.FAILED


def judge(name: str, status: int, body: object, count: int) -> tuple[Verdict, ...]:
    text = body if isinstance(body, str) else json.dumps(body)
    return ADAPTERS[name](status, text, count, TABLE)


def bulk(*statuses: int) -> dict:
    items = [{"create": {"_index": "logs", "status": code}} for code in statuses]
    return {"took": 3, "errors": True, "items": items}


def test_elasticsearch_judges_each_document():
    body = bulk(201, 400, 429, 409, 503)
    assert judge("elasticsearch", 200, body, 5) == (OK, BAD, AGAIN, OK, AGAIN)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"errors": False, "items": [{"index": {"status": 201}}] * 2}),
        (200, bulk(400)),  # not as many as were sent
        (200, "no json"),
        (200, "[1]"),
        (503, bulk(400, 400)),
    ],
)
def test_elasticsearch_otherwise_leaves_it_to_the_status(status: int, body: object):
    assert judge("elasticsearch", status, body, 2) == ()


def test_an_item_that_makes_no_sense_is_sent_again():
    body = {"errors": True, "items": [{"index": {}}, 7, {"index": {"status": 201}}]}
    assert judge("elasticsearch", 200, body, 3) == (AGAIN, AGAIN, OK)


def test_splunk_names_the_first_event_that_it_did_not_take():
    body = {"text": "Invalid data format", "code": 6, "invalid-event-number": 2}
    assert judge("splunk", 400, body, 5) == (OK, OK, BAD, AGAIN, AGAIN)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"text": "No data", "code": 5}),
        (400, {"invalid-event-number": 9}),
        (503, {"text": "Server is busy", "code": 9}),
        (200, {"text": "Success", "code": 0}),
    ],
)
def test_splunk_otherwise_leaves_it_to_the_status(status: int, body: object):
    assert judge("splunk", status, body, 3) == ()


def test_openobserve_says_only_how_many():
    def body(taken: int, failed: int) -> dict:
        return {"code": 200, "status": [{"successful": taken, "failed": failed}]}

    assert judge("openobserve", 200, body(0, 3), 3) == (BAD, BAD, BAD)
    assert judge("openobserve", 200, body(2, 1), 3) == ()
    assert judge("openobserve", 200, body(3, 0), 3) == ()
    assert judge("openobserve", 200, "", 3) == ()
