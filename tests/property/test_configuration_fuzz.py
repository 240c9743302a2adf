"""
Whatever is written, reading it ends soon, with diagnostics and without a traceback.

``make fuzz`` runs the same for minutes: ``python tests/property/fuzz_config.py 600``.
"""

from __future__ import annotations

from hypothesis import given, settings

from helpers.fuzzing import configurations, read


@settings(max_examples=150, deadline=None)
@given(configurations())
def test_reading_ends_with_diagnostics(text: str) -> None:
    read(text)
