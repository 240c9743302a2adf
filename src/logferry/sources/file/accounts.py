"""The counters of one followed file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.telemetry.counters import Kind, Legacy

if TYPE_CHECKING:
    from logferry.telemetry.counters import Metrics

__all__ = ["FileAccount"]


class FileAccount:
    """
    What was read from one file.

    Args:
        metrics: where the counters are registered.
        driver: kind and id of the source.
        path: the file.
        now: the wall clock in nanoseconds.

    """

    def __init__(
        self,
        metrics: Metrics,
        driver: tuple[str, str],
        path: str,
        now: Callable[[], int],
    ) -> None:
        kind, id_ = driver
        labels = {"driver": kind, "filename": path, "id": id_}
        row = (f"src.{kind}", id_, path)
        self._now = now
        self._flow = metrics.flow(row, newline_bytes=0)
        self._events = metrics.counter(
            "input_events_total",
            labels,
            level=1,
            legacy=Legacy(*row, "processed"),
            dynamic=True,
        )
        self._bytes = metrics.counter(
            "input_event_bytes_total", labels, level=1, dynamic=True
        )
        self._stamp = metrics.counter(
            "", level=1, legacy=Legacy(*row, "stamp"), kind=Kind.GAUGE, dynamic=True
        )

    def count(self, frames: bytes | list[bytes], count: int) -> None:
        """Count ``count`` messages: complete lines, or frames."""
        if isinstance(frames, bytes):
            size = len(frames)
            self._flow.note(frames, count)
        else:
            size = sum(map(len, frames))
            self._flow.note_frames(frames, size)
        self._events.value += count
        self._bytes.value += size
        self._stamp.value = self._now() // 1_000_000_000
