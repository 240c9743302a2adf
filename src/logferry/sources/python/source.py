"""
The ``python()`` and ``python-fetcher()`` sources: a class in a thread of its own.

``post_message()`` waits while ``log-iw-size()`` messages are not settled, so a class
cannot run ahead of the destinations. An exception ends nothing: it is counted, logged,
and the class starts again after ``time-reopen()``.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, cast

from logferry.codegen.python.classes import FetchResult
from logferry.codegen.python.code import make_component
from logferry.codegen.python.messages import LogMessage
from logferry.codegen.python.options import ClassOptions, check_class
from logferry.config.kinds import Seconds
from logferry.config.schema import FromGlobal, Option
from logferry.message.model import Origin, Stamp
from logferry.message.timestamps import local_offset
from logferry.records import record
from logferry.sources.base import SourceKind
from logferry.sources.options import SourceOptions
from logferry.syslog.reception import Reception
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.config.schema import Scope
    from logferry.message.batch import Receipt
    from logferry.message.model import Message
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake

__all__ = ["KINDS", "PythonSource", "PythonSourceOptions"]


@record
class PythonSourceFailed(Event):
    """The class raised an exception or could not be made."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Python source failed, will start again"

    driver: str
    class_: str
    error: str
    time_reopen: str


class PythonSourceOptions(SourceOptions, ClassOptions):
    """``python()`` and ``python-fetcher()``."""

    title = "source python"

    time_reopen = Option(
        Seconds(minimum=0.001),
        FromGlobal("time_reopen"),
        doc="How long to wait after a failure.",
        unit="s",
    )
    fetch_no_data_delay = Option(
        Seconds(), 1.0, doc="How long to wait after NO_DATA.", unit="s"
    )

    def check(self, scope: Scope) -> None:
        """Find the class."""
        super().check(scope)
        check_class(self, self.class_, scope)


class PythonSource:
    """One running driver; ``is_fetcher`` asks the class for one message at a time."""

    def __init__(
        self,
        spec: Spec,
        environment: Environment,
        intake: Intake,
        *,
        is_fetcher: bool = False,
    ) -> None:
        self.id = spec.id
        self._options = cast("PythonSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._is_fetcher = is_fetcher
        self._origin = Origin(
            source=spec.id.encode(),
            host=environment.host_name.encode(),
            local=True,
        )
        self._room = threading.Semaphore(self._options.log_iw_size)
        self._waiting: deque[Message] = deque()
        self._is_stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._component: Any = None
        self._failures = environment.metrics.counter(
            "python_failures_total", {"class": self._options.class_, "kind": "source"}
        )

    async def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.id, daemon=True)
        self._thread.start()

    # -- in the thread --------------------------------------------------------------

    def _run(self) -> None:
        work = self._fetch if self._is_fetcher else self._produce
        while not self._is_stopping.is_set():
            try:
                work()
            except Exception as error:
                self._call_soon(self._note_failure, f"{type(error).__name__}: {error}")
            if self._is_stopping.wait(self._options.time_reopen):
                return

    def _make(self, method: str) -> Any:
        code: Any = self._options._values["code"]
        options = dict(self._options.options)
        component = make_component(code, self._options.class_, options, method)
        component._post = self._post
        self._component = component
        return component

    def _produce(self) -> None:
        component = self._component or self._make("run")
        component.run()

    def _fetch(self) -> None:
        component = self._component or self._make("fetch")
        opener = getattr(component, "open", None)
        if opener is not None and opener() is False:
            return
        try:
            while not self._is_stopping.is_set():
                result, message = component.fetch()
                result = FetchResult(result)
                if result is FetchResult.SUCCESS and message is not None:
                    self._post(message)
                elif result is FetchResult.NO_DATA:
                    self._is_stopping.wait(self._options.fetch_no_data_delay)
                elif result is not FetchResult.TRY_AGAIN:
                    return
        finally:
            close = getattr(component, "close", None)
            if close is not None:
                close()

    def _post(self, log_message: LogMessage) -> None:
        while not self._room.acquire(timeout=0.2):
            if self._is_stopping.is_set():
                return
        self._waiting.append(log_message.message)
        if len(self._waiting) == 1:
            self._call_soon(self._take)

    def _call_soon(self, function: Any, *arguments: Any) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *arguments)

    # -- in the event loop ----------------------------------------------------------

    def _take(self) -> None:
        messages = []
        while self._waiting:
            messages.append(self._completed(self._waiting.popleft()))
        if messages:
            self._intake.messages(messages, self._on_settled)

    def _completed(self, message: Message) -> Message:
        now = self._environment.now()
        stamp = Stamp(now, local_offset(now))
        message.received = stamp
        if not message.stamp.unix_ns:
            message.stamp = stamp
        if not message.origin.source:
            message.origin = self._origin
        message.host = message.host or self._origin.host
        for tag in self._options.tags:
            if tag.encode() not in message.tags:
                message.tags.append(tag.encode())
        return message

    def _on_settled(self, receipt: Receipt) -> None:
        self._room.release(receipt.message_count)

    def _note_failure(self, error: str) -> None:
        self._failures.add(1)
        pause = f"{self._options.time_reopen:g}"
        self._environment.log.emit(
            PythonSourceFailed(self.id, self._options.class_, error, pause)
        )

    async def stop(self) -> None:
        """Ask the class to end; its thread is left behind if it does not."""
        self._is_stopping.set()
        request_exit = getattr(self._component, "request_exit", None)
        if request_exit is not None:
            try:
                request_exit()
            except Exception as error:
                self._note_failure(f"{type(error).__name__}: {error}")
        thread = self._thread
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 2.0)
        self._take()


def _reception(spec: Spec) -> Reception:
    del spec
    return Reception(local=True)


def _create_fetcher(
    spec: Spec, environment: Environment, intake: Intake
) -> PythonSource:
    return PythonSource(spec, environment, intake, is_fetcher=True)


KINDS = {
    "python": SourceKind(PythonSourceOptions, _reception, PythonSource),
    "python-fetcher": SourceKind(PythonSourceOptions, _reception, _create_fetcher),
}
