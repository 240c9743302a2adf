"""
Base classes for Python code of the configuration, as the module ``syslogng``.

AxoSyslog's interface: a class overrides what it needs. ``init`` gets the ``options()``
of the configuration as a dict and says whether it can run.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from enum import IntEnum
from types import ModuleType
from typing import Any

from logferry.codegen.python.messages import LogMessage
from logferry.codegen.python.template import LogTemplate

__all__ = [
    "FetchResult",
    "LogDestination",
    "LogFetcher",
    "LogFilter",
    "LogParser",
    "LogSource",
    "SendResult",
    "install",
]


class SendResult(IntEnum):
    """What a destination's ``send`` and ``flush`` may return."""

    DROP = 0
    ERROR = 1
    SUCCESS = 2
    QUEUED = 3
    NOT_CONNECTED = 4
    RETRY = 5


class FetchResult(IntEnum):
    """What a fetcher's ``fetch`` may return first."""

    ERROR = 0
    NOT_CONNECTED = 1
    SUCCESS = 2
    TRY_AGAIN = 3
    NO_DATA = 4


class _Component:
    """What all classes have."""

    def init(self, options: dict[str, Any]) -> bool | None:
        """Prepare; false says that it cannot run."""
        del options
        return True

    def deinit(self) -> None:
        """Clean up at the end."""


class LogParser(_Component):
    """Base of ``parser { python(class(…)); };``."""

    def parse(self, log_message: LogMessage) -> bool:
        """Change the message; false ends its way like a filter."""
        raise NotImplementedError


class LogFilter(_Component):
    """Base of ``filter { python(class(…)); };``."""

    def match(self, log_message: LogMessage) -> bool:
        """Tell whether the message passes."""
        raise NotImplementedError


class LogDestination(_Component):
    """Base of ``destination { python(class(…)); };``."""

    DROP = SendResult.DROP
    ERROR = SendResult.ERROR
    SUCCESS = SendResult.SUCCESS
    QUEUED = SendResult.QUEUED
    NOT_CONNECTED = SendResult.NOT_CONNECTED
    RETRY = SendResult.RETRY

    def open(self) -> bool | None:
        """Connect; false is tried again after ``time-reopen()``."""
        return True

    def is_opened(self) -> bool:
        """Tell whether ``send`` may be called."""
        return True

    def send(self, message: Any) -> SendResult | bool | None:
        """Deliver one message, or keep it for ``flush`` (``QUEUED``)."""
        raise NotImplementedError

    def flush(self) -> SendResult | bool | None:
        """Deliver what was kept."""
        return SendResult.SUCCESS

    def close(self) -> None:
        """Disconnect."""


class LogSource(_Component):
    """Base of ``source { python(class(…)); };``: ``run`` has a thread of its own."""

    _post: Callable[[LogMessage], None]

    def run(self) -> None:
        """Produce messages until :meth:`request_exit`."""
        raise NotImplementedError

    def request_exit(self) -> None:
        """Make ``run`` return soon; called from another thread."""

    def post_message(self, log_message: LogMessage) -> None:
        """Hand a message in; waits while too many are not delivered."""
        self._post(log_message)


class LogFetcher(_Component):
    """Base of ``source { python-fetcher(class(…)); };``."""

    ERROR = FetchResult.ERROR
    NOT_CONNECTED = FetchResult.NOT_CONNECTED
    SUCCESS = FetchResult.SUCCESS
    TRY_AGAIN = FetchResult.TRY_AGAIN
    NO_DATA = FetchResult.NO_DATA

    def open(self) -> bool | None:
        """Connect."""
        return True

    def fetch(self) -> tuple[FetchResult, LogMessage | None]:
        """Return a result and, with ``SUCCESS``, a message."""
        raise NotImplementedError

    def request_exit(self) -> None:
        """Make ``fetch`` return soon; called from another thread."""

    def close(self) -> None:
        """Disconnect."""


def install() -> None:
    """Make ``import syslogng`` give these classes, unless there is such a module."""
    if "syslogng" in sys.modules:
        return
    module = ModuleType("syslogng", "What Python code of a configuration may use.")
    for item in (
        LogMessage,
        LogTemplate,
        LogParser,
        LogFilter,
        LogDestination,
        LogSource,
        LogFetcher,
    ):
        setattr(module, item.__name__, item)
    # The reference's logger has the methods of Python's own.
    setattr(module, "Logger", lambda: logging.getLogger("logferry.python"))  # noqa: B010
    sys.modules["syslogng"] = module
