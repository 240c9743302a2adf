"""
Fuzzes the configuration language for a number of seconds.

Fails at a traceback, at a text that takes longer than a second, and at a process
larger than 200 MB. What failed is printed.

    python tests/property/fuzz_config.py 600
"""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hypothesis import HealthCheck, Phase, given, settings

from helpers.fuzzing import configurations, read

SECONDS_MAX = 1.0
MEGABYTES_MAX = 200
BLOCK_TEXTS = 5000


class TooSlow(Exception):
    """A text took too long to read."""


class TooLarge(Exception):
    """The process grew too much."""


def main(seconds: float) -> int:
    """Fuzz; return the exit status."""
    end = time.monotonic() + seconds
    texts, slowest, largest = 0, 0.0, 0.0
    # Each block has a process of its own: what the fuzzer itself piles up over many
    # minutes is not the reader's memory.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        while time.monotonic() < end:
            count, took, megabytes = pool.submit(_fuzz_block, end).result()
            texts += count
            slowest, largest = max(slowest, took), max(largest, megabytes)
    print(f"{texts} texts, the slowest took {slowest:.2f} s of CPU, {largest:.0f} MB")
    return 0


def _fuzz_block(end: float) -> tuple[int, float, float]:
    """Read texts; return how many, the longest time, and the peak of memory."""
    count, slowest = 0, 0.0

    @settings(
        max_examples=BLOCK_TEXTS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(configurations())
    def attempt(text: str) -> None:
        nonlocal count, slowest
        if time.monotonic() > end:
            return
        # CPU time: other processes on this machine are not the text's fault.
        started = time.process_time()
        read(text)
        taken = time.process_time() - started
        count += 1
        slowest = max(slowest, taken)
        if taken > SECONDS_MAX:
            raise TooSlow(f"{taken:.2f} s")
        if _megabytes() > MEGABYTES_MAX:
            raise TooLarge(f"{_megabytes():.0f} MB")

    attempt()
    return count, slowest, _megabytes()


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
