"""
``response-adapter()``: servers whose status alone does not say what they took.

``elasticsearch``  the bulk API answers 200 and judges each document (also OpenSearch)
``openobserve``    200 with counts of what failed, by stream
``splunk``         the HTTP event collector: 400 names the first event it did not take;
                   those before it were taken

An adapter returns a verdict on each record, in order, or nothing when the status says
it all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from logferry.destinations.http.response import StatusTable
from logferry.policy.retry import Verdict

__all__ = ["ADAPTERS", "Adapter"]

Adapter = Callable[[int, str, int, StatusTable], tuple[Verdict, ...]]
"""From status, body, number of records and status table to verdicts."""


def _elasticsearch(
    status: int, body: str, count: int, table: StatusTable
) -> tuple[Verdict, ...]:
    answer = _object(body) if status == 200 else {}
    items = answer.get("items")
    if not answer.get("errors") or not isinstance(items, list) or len(items) != count:
        return ()
    return tuple(_of_item(item, table) for item in items)


def _of_item(item: Any, table: StatusTable) -> Verdict:
    """Return the verdict on one action of a bulk request."""
    result = next(iter(item.values()), None) if isinstance(item, dict) else None
    status = result.get("status") if isinstance(result, dict) else None
    if not isinstance(status, int):
        return Verdict.FAILED
    if status == 409:
        return Verdict.ACCEPTED  # it is there already: we sent it before
    return table.verdict(status)


def _openobserve(
    status: int, body: str, count: int, table: StatusTable
) -> tuple[Verdict, ...]:
    del table
    streams = _object(body).get("status") if status == 200 else None
    if not isinstance(streams, list):
        return ()
    streams = [item for item in streams if isinstance(item, dict)]
    failed = sum(_number(item.get("failed")) for item in streams)
    taken = sum(_number(item.get("successful")) for item in streams)
    # It does not say which: when some were taken, sending all again would double them.
    if not failed or taken:
        return ()
    return (Verdict.REJECTED,) * count


def _splunk(
    status: int, body: str, count: int, table: StatusTable
) -> tuple[Verdict, ...]:
    del table
    first = _object(body).get("invalid-event-number") if status == 400 else None
    if not isinstance(first, int) or not 0 <= first < count:
        return ()
    return (
        *((Verdict.ACCEPTED,) * first),
        Verdict.REJECTED,
        *((Verdict.FAILED,) * (count - first - 1)),
    )


def _object(body: str) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


ADAPTERS: Final[dict[str, Adapter]] = {
    "elasticsearch": _elasticsearch,
    "openobserve": _openobserve,
    "splunk": _splunk,
}
