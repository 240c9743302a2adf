"""Install the development dependencies that pyproject.toml lists (PEP 735)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def main() -> None:
    """Install the ``dev`` group into the running interpreter's environment."""
    groups = tomllib.loads(PROJECT.read_text())["dependency-groups"]
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run(
        [*command, "--disable-pip-version-check", *groups["dev"]], check=True
    )


if __name__ == "__main__":
    main()
