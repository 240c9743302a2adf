"""
What an answer means: from status code and headers to a verdict.

The table is the reference's; two things are our own. Codes that blame the request
(``reject-status()``) get a verdict of their own, and ``Retry-After`` (RFC 9110,
10.2.3) is listened to.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from logferry.destinations.http import events
from logferry.policy.retry import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.telemetry.events import Event

__all__ = ["OVERLOAD_CODES", "StatusTable", "retry_after_s", "status_event"]

_REFUSED: Final = frozenset({410, 416, 422, 424, 425, 451, 508})
_BOUNDED: Final = frozenset({102, 103, 304, 428, 504})
_ACTIONS: Final = {
    "success": Verdict.ACCEPTED,
    "drop": Verdict.REFUSED,
    "retry": Verdict.BOUNDED,
    "disconnect": Verdict.FAILED,
}
RETRY_AFTER_MAX_S: Final = 3600.0
"""No server may silence a target for longer."""

OVERLOAD_CODES: Final = frozenset({429, 503})


class StatusTable:
    """
    Verdicts by status code.

    Args:
        actions: ``response-action()``, which has the last word.
        blaming: ``reject-status()``.

    """

    def __init__(self, actions: Mapping[int, str], blaming: frozenset[int]) -> None:
        self.actions = dict(actions)
        self._blaming = blaming

    def verdict(self, code: int) -> Verdict:
        """Return what ``code`` means."""
        action = self.actions.get(code)
        if action is not None:
            return _ACTIONS[action]
        if 200 <= code < 300:
            return Verdict.ACCEPTED
        if code in self._blaming:
            return Verdict.REJECTED
        if code in _REFUSED:
            return Verdict.REFUSED
        if code in _BOUNDED or not 100 <= code < 600:
            return Verdict.BOUNDED
        return Verdict.FAILED


def retry_after_s(value: str, now_s: float) -> float | None:
    """
    Return the wait that a ``Retry-After`` header asks for, ``None`` if unreadable.

    ``now_s`` is the wall clock in seconds, for the form with a date.
    """
    value = value.strip()
    if value.isdigit():
        return min(float(value), RETRY_AFTER_MAX_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now_s), RETRY_AFTER_MAX_S)


def status_event(code: int, url: str, response: str, count: int, driver: str) -> Event:
    """Return the event of an answer that is no success."""
    kind = {
        1: events.StatusInformational,
        3: events.StatusRedirect,
        4: events.StatusClientError,
        5: events.StatusServerError,
    }.get(code // 100, events.StatusUnknown)
    return kind(url, code, response, count, driver)
