"""
Fuzzes the configuration language for a number of seconds.

Fails at a traceback, at a text that takes longer than a second, and at a process
larger than 200 MB. What failed is printed, and kept by hypothesis to be tried first.

    python tests/property/fuzz_config.py 600
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hypothesis import HealthCheck, Phase, given, settings

from helpers.fuzzing import configurations, read

SECONDS_MAX = 1.0
MEGABYTES_MAX = 200


class TooSlow(Exception):
    """A text took too long to read."""


class TooLarge(Exception):
    """The process grew too much."""


def main(seconds: float) -> int:
    """Fuzz; return the exit status."""
    counts = {"texts": 0, "slowest": 0.0}
    end = time.monotonic() + seconds
    base = _megabytes()

    @settings(
        max_examples=2000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(configurations())
    def attempt(text: str) -> None:
        if time.monotonic() > end:
            return
        # CPU time: other processes on this machine are not the text's fault.
        started = time.process_time()
        read(text)
        taken = time.process_time() - started
        counts["texts"] += 1
        counts["slowest"] = max(counts["slowest"], taken)
        if taken > SECONDS_MAX:
            raise TooSlow(f"{taken:.2f} s")
        if _megabytes() > max(MEGABYTES_MAX, base + 100):
            raise TooLarge(f"{_megabytes():.0f} MB")

    while time.monotonic() < end:
        attempt()
    print(
        f"{counts['texts']} texts, the slowest took {counts['slowest']:.2f} s of CPU, "
        f"{_megabytes():.0f} MB"
    )
    return 0


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
