"""
Histograms in the reference's form: buckets whose bounds are powers of two.

``le="8"`` counts what was above 4 and at most 8. As in the reference each bucket holds
only its own share; the metrics page adds them up, as Prometheus wants it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.telemetry.counters import Counter

__all__ = [
    "BATCH_BYTES",
    "BATCH_EVENTS",
    "EVENT_BYTES",
    "EVENT_LATENCY",
    "PROCESSING_LATENCY",
    "REQUEST_LATENCY",
    "Histogram",
    "Scale",
]


@dataclass(frozen=True, slots=True)
class Scale:
    """
    What the buckets of a histogram are.

    Attributes:
        first: the first bound is two to the power of this.
        count: how many buckets there are; the last one has no bound.
        unit: values and bounds are divided by this to be shown: 1000 for
            milliseconds that are shown as seconds.

    """

    first: int
    count: int
    unit: int = 1

    def bounds(self) -> list[str]:
        """Return the values of the label ``le``."""
        shown = [2**power / self.unit for power in range(self.first, self._last)]
        return [
            *(f"{bound:.17g}" if bound % 1 else str(int(bound)) for bound in shown),
            "+Inf",
        ]

    @property
    def _last(self) -> int:
        return self.first + self.count - 1


BATCH_EVENTS: Final = Scale(0, 16)
BATCH_BYTES: Final = Scale(9, 16)
EVENT_BYTES: Final = Scale(6, 8)
REQUEST_LATENCY: Final = Scale(5, 8, 1000)
PROCESSING_LATENCY: Final = Scale(0, 14, 1000)
EVENT_LATENCY: Final = Scale(0, 20, 1000)


class Histogram:
    """
    One set of buckets; made by ``Metrics.histogram``.

    Args:
        scale: what they are.
        total: counts the values.
        amount: adds them up, in units to be shown.
        buckets: one counter each.

    """

    __slots__ = ("_amount", "_buckets", "_scale", "_total")

    def __init__(
        self, scale: Scale, total: Counter, amount: Counter, buckets: Sequence[Counter]
    ) -> None:
        self._scale = scale
        self._total = total
        self._amount = amount
        self._buckets = buckets

    def add(self, value: int, times: int = 1) -> None:
        """Add ``value`` so many times; bytes, events or milliseconds."""
        power = (value - 1).bit_length() if value > 1 else 0
        index = min(max(power - self._scale.first, 0), len(self._buckets) - 1)
        self._buckets[index].value += times
        self._total.value += times
        self._amount.value += value * times / self._scale.unit

    def add_all(self, values: Sequence[int]) -> None:
        """Add many values."""
        for value in values:
            self.add(value)
