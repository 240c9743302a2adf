"""
The class of the configuration at work: what runs in the destination's own thread.

Rules (AxoSyslog's interface): ``send`` returns ``SUCCESS`` (or ``True``, ``None``):
this message and all that were queued before it are delivered; ``QUEUED``: it waits for
``flush``; ``DROP``: give it up; ``ERROR`` (``False``, an exception): try again later,
``retries()`` times; ``NOT_CONNECTED``, ``RETRY``: try again later, however often.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.python.classes import SendResult
from logferry.codegen.python.code import PythonFailed, make_component
from logferry.codegen.python.messages import LogMessage
from logferry.message.model import Monotonic, Stamp, UnixNanos

if TYPE_CHECKING:
    from logferry.destinations.python.options import PythonDestinationOptions

__all__ = ["Component", "Delivery"]

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    What became of some records.

    Attributes:
        done_count: the first ones, delivered.
        verdict: about the next record, or ``SUCCESS`` when there is none.
        method: where it went wrong; ``error``: and how.

    """

    done_count: int
    verdict: SendResult
    method: str = ""
    error: str = ""


class Component:
    """
    One object of the class; every method runs in the destination's thread.

    Attributes:
        call: the method that is running, and since when; ``None`` between calls.

    """

    def __init__(
        self, options: PythonDestinationOptions, clock: Callable[[], Monotonic]
    ) -> None:
        self._options = options
        self._clock = clock
        self.call: tuple[str, Monotonic] | None = None
        self._object: Any = None
        self._is_open = False

    def deliver(self, records: Sequence[bytes]) -> Delivery:
        """Send ``records``, open what is closed first; never raises."""
        try:
            return self._deliver(records)
        finally:
            self.call = None

    def _deliver(self, records: Sequence[bytes]) -> Delivery:
        self.call = "open", self._clock()
        try:
            if not self._ready():
                return Delivery(0, SendResult.NOT_CONNECTED)
        except Exception as error:
            return Delivery(0, SendResult.NOT_CONNECTED, "open", _reason(error))
        done = 0
        for index, record in enumerate(records):
            self.call = "send", self._clock()
            try:
                verdict = _verdict(self._object.send(self._message(record)))
            except Exception as error:
                return self._failed(done, "send", _reason(error))
            if verdict is SendResult.SUCCESS:
                done = index + 1
            elif verdict is SendResult.DROP:
                flushed = self._flush(done) if index > done else None
                return flushed or Delivery(index, SendResult.DROP)
            elif verdict is not SendResult.QUEUED:
                return self._failed(done, "send", verdict.name, verdict)
        if done < len(records):
            flushed = self._flush(done)
            if flushed is not None:
                return flushed
        return Delivery(len(records), SendResult.SUCCESS)

    def _flush(self, done: int) -> Delivery | None:
        """Deliver what was queued behind ``done``; ``None`` when all of it is."""
        self.call = "flush", self._clock()
        try:
            flush = getattr(self._object, "flush", None)
            verdict = SendResult.SUCCESS if flush is None else _verdict(flush())
        except Exception as error:
            return self._failed(done, "flush", _reason(error))
        if verdict is SendResult.SUCCESS:
            return None
        if verdict is SendResult.DROP:
            return Delivery(done, SendResult.DROP)
        return self._failed(done, "flush", verdict.name, verdict)

    def _failed(
        self,
        done: int,
        method: str,
        error: str,
        verdict: SendResult = SendResult.ERROR,
    ) -> Delivery:
        if verdict is not SendResult.RETRY:
            self.close()
        return Delivery(done, verdict, method, error)

    def _ready(self) -> bool:
        if self._object is None:
            code: Any = self._options._values["code"]
            options = dict(self._options.options)
            self._object = make_component(code, self._options.class_, options, "send")
        is_opened = getattr(self._object, "is_opened", None)
        if self._is_open and (is_opened is None or is_opened()):
            return True
        opener = getattr(self._object, "open", None)
        self._is_open = opener is None or opener() is not False
        return self._is_open

    def _message(self, record: bytes) -> Any:
        values: dict[str, Any] = orjson.loads(record)
        if self._options.value_pairs is not None:
            return values
        message = LogMessage()
        inner = message.message
        inner.pri = int(values.pop(" pri"))
        whole, micros = int(values.pop(" time")), int(values.pop(" micros"))
        offset = _seconds(values.pop(" offset"))
        moment = UnixNanos(whole * _NS + micros * 1000)
        inner.stamp = inner.received = Stamp(moment, offset)
        inner.tags = [tag.encode() for tag in values.pop(" tags")]
        for name, value in values.items():
            message[name] = value
        return message

    def close(self) -> None:
        """Disconnect; never raises."""
        if self._object is None or not self._is_open:
            return
        self._is_open = False
        close = getattr(self._object, "close", None)
        if close is not None:
            with contextlib.suppress(Exception):  # it is closed all the same
                close()


def _seconds(offset: str) -> int:
    """Return what ``+0130`` means in seconds."""
    seconds = int(offset[1:3]) * 3600 + int(offset[3:5]) * 60
    return -seconds if offset[0] == "-" else seconds


def _verdict(result: Any) -> SendResult:
    if result is None or result is True:
        return SendResult.SUCCESS
    if result is False:
        return SendResult.ERROR
    return SendResult(result)


def _reason(error: Exception) -> str:
    if isinstance(error, PythonFailed):
        return str(error)
    return f"{type(error).__name__}: {error}"
