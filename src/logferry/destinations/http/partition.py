"""
Partitions: what belongs together, and how many workers may deliver it at a time.

``worker-partition-key()`` says which messages belong together; they are delivered one
batch after the other. ``worker-partition-buckets()`` and
``worker-partition-autoscaling()`` let several workers deliver a key at the same time.
In the reference these options say to which workers' queues a key is divided; here any
idle worker takes any batch, and they say how many may do so at once.

A *group* is the value of a partition as bytes, found in a routing key.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from logferry.destinations.http.events import BucketsUnreadable
from logferry.destinations.http.request import partition_of
from logferry.destinations.http.url import ValueTemplate, values_of_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.destinations.http.options import HttpDestinationOptions
    from logferry.telemetry.events import Event

__all__ = ["Partition"]

_KEYS_MAX: Final = 4096
"""Routing keys whose groups are remembered."""


class Partition:
    """
    The partitions of one destination.

    Args:
        options: the driver's.
        driver: its id, for the log.
        emit: takes events.

    """

    def __init__(
        self,
        options: HttpDestinationOptions,
        driver: str,
        emit: Callable[[Event], None],
    ) -> None:
        self._expressions = partition_of(options)
        self._is_exclusive = options.ordered or bool(self._expressions)
        self._driver = driver
        self._emit = emit
        self._is_warned = False
        self._most = 1
        self._buckets: ValueTemplate | None = None
        if options.ordered:
            pass  # one at a time, whatever else was said
        elif options.worker_partition_buckets is not None:
            self._buckets = ValueTemplate(options.worker_partition_buckets.text)
        elif options.worker_partition_autoscaling:
            left = options.worker_partition_autoscaling_wfo
            self._most = max(1, options.workers.most - left)
        self.group_of = lru_cache(_KEYS_MAX)(self._group_of)

    def _group_of(self, key: bytes) -> bytes:
        if not self._expressions:
            return b""
        values = values_of_key(key)
        texts = [values.get(text, "") for text in self._expressions]
        if self._buckets is not None:
            texts.append(str(self._count(self._buckets.fill(values))))
        return "\n".join(texts).encode()

    def _count(self, text: str) -> int:
        """Return how many workers ``worker-partition-buckets()`` allows a key."""
        if text.strip().isdecimal():
            return max(1, int(text))
        if not self._is_warned:
            self._is_warned = True
            self._emit(BucketsUnreadable(text, self._driver))
        return 1

    def is_full(self, group: bytes, busy_count: int) -> bool:
        """Tell whether enough workers, ``busy_count``, deliver ``group`` already."""
        if not self._is_exclusive or not busy_count:
            return False
        if self._buckets is None or not group:
            return busy_count >= self._most
        return busy_count >= int(group.rpartition(b"\n")[2])
