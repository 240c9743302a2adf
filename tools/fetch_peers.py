"""
Unpack Debian's syslog-ng, rsyslog and their libraries for the tests.

The packages are downloaded with apt and unpacked, not installed: syslog-ng and rsyslog
exclude each other as packages, and nothing of the machine should change. They go to
``$LOGFERRY_PEERS``, by default ``~/.cache/logferry-peers``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "syslog-ng-core",
    "libivykis0",
    "libnet1",
    "libpcre3",
    "libjson-c5",
    "libwrap0",
    "libglib2.0-0",
    "libesmtp6",
    "rsyslog",
    "rsyslog-gnutls",
    "libestr0",
    "libfastjson4",
    "liblognorm5",
)


def folder() -> Path:
    """Return where the peers are kept."""
    default = Path.home() / ".cache" / "logferry-peers"
    return Path(os.environ.get("LOGFERRY_PEERS") or default)


def main() -> None:
    """Download and unpack what is missing."""
    root = folder() / "root"
    downloads = folder() / "debs"
    if (root / "usr/sbin/syslog-ng").exists() and (root / "usr/sbin/rsyslogd").exists():
        print(f"peers are in {root}")
        return
    downloads.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "download", "-qq", *PACKAGES]
    if subprocess.run(command, cwd=downloads, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, cwd=downloads, check=True)
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    print(f"peers are in {root}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot fetch the peers: {error}")
