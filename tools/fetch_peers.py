"""
Unpack Debian's syslog-ng, rsyslog, nginx and their libraries for the tests.

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
    "nginx",
    "syslog-ng-mod-http",
    "libcurl4",
    "libnghttp2-14",
    "librtmp1",
    "libssh2-1",
    "libpsl5",
    "libldap-2.5-0",
    "libsasl2-2",
    "libbrotli1",
)
PROOFS = ("syslog-ng", "rsyslogd", "nginx")  # in usr/sbin, when all is unpacked


def folder() -> Path:
    """Return where the peers are kept."""
    default = Path.home() / ".cache" / "logferry-peers"
    return Path(os.environ.get("LOGFERRY_PEERS") or default)


def main() -> None:
    """Download and unpack what is missing."""
    root = folder() / "root"
    downloads = folder() / "debs"
    if all((root / "usr/sbin" / name).exists() for name in PROOFS):
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
