"""How the tests run: the same everywhere in CI, curious at a desk."""

from __future__ import annotations

import os

from hypothesis import settings

# A landing must not depend on luck: CI replays fixed examples, a desk explores.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
