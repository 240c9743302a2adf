"""
Programs that nobody here wrote: Debian's syslog-ng, rsyslog and loggen.

``tools/fetch_peers.py`` unpacks them. Where they are missing a test that needs them is
skipped, unless ``LOGFERRY_REQUIRE_PEERS`` is set (as in CI): then it fails.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

ROOT = (
    Path(os.environ.get("LOGFERRY_PEERS") or Path.home() / ".cache/logferry-peers")
    / "root"
)
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng")
_SYSLOG_NG_MODULES = "usr/lib/syslog-ng/3.38"
_RSYSLOG_MODULES = "usr/lib/x86_64-linux-gnu/rsyslog"


def require(program: str) -> Path:
    """Return the path of ``program``, or skip (in CI: fail) the test."""
    path = ROOT / program
    if not path.exists():
        if os.environ.get("LOGFERRY_REQUIRE_PEERS"):
            pytest.fail(f"{program} is missing: run tools/fetch_peers.py")
        pytest.skip(f"{program} is missing: run make peers")
    return path


def environment() -> dict[str, str]:
    """Return the environment in which the unpacked programs find their libraries."""
    libraries = ":".join(str(ROOT / folder) for folder in _LIBRARIES)
    return {
        **os.environ,
        "LD_LIBRARY_PATH": libraries,
        "SYSLOGNG_PREFIX": str(ROOT / "usr"),
    }


class Peer:
    """A log server of another make that writes what it receives to ``output``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.output = folder / f"{name}.log"
        self._folder = folder
        self._name = name
        self._process: asyncio.subprocess.Process | None = None

    def command(self) -> list[str]:
        """Write the configuration and return the command line."""
        raise NotImplementedError

    async def __aenter__(self) -> Peer:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it; it may take a moment until it listens."""
        log = (self._folder / f"{self._name}.stderr").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *self.command(), env=environment(), stdout=log, stderr=log
        )
        log.close()

    async def stop(self) -> None:
        """Stop it in an orderly way."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def kill(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def lines(self) -> list[bytes]:
        """Return the complete lines it wrote."""
        if not self.output.exists():
            return []
        return self.output.read_bytes().split(b"\n")[:-1]

    async def wait_for_lines(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until it wrote ``count`` lines."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.lines()) < count:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            errors = (self._folder / f"{self._name}.stderr").read_text(
                "utf-8", "replace"
            )
            raise AssertionError(
                f"{self._name}: {len(self.lines())} of {count} lines\n{errors}"
            ) from None


class SyslogNg(Peer):
    """Debian's syslog-ng 3.38 as a receiver on ``source`` (a driver's text)."""

    def __init__(self, folder: Path, name: str, source: str) -> None:
        super().__init__(folder, name)
        self._source = source
        self.control = folder / f"{name}.ctl"

    def command(self) -> list[str]:
        program = require("usr/sbin/syslog-ng")
        config = self._folder / f"{self._name}.conf"
        config.write_text(
            "@version: 3.38\n"
            "options { keep-hostname(yes); use-dns(no); flush-lines(1); };\n"
            f"source s {{ {self._source}; }};\n"
            f'destination d {{ file("{self.output}"); }};\n'
            "log { source(s); destination(d); flags(flow-control); };\n"
        )
        return [
            *(str(program), "-F", "--no-caps", "-f", str(config)),
            *("-R", str(self._folder / f"{self._name}.persist")),
            *("-p", str(self._folder / f"{self._name}.pid"), "-c", str(self.control)),
            f"--module-path={ROOT / _SYSLOG_NG_MODULES}",
        ]


class Rsyslog(Peer):
    """Debian's rsyslog 8.2302 as a receiver on a TCP port."""

    def __init__(
        self, folder: Path, name: str, address: str, port: int, tls: str = ""
    ) -> None:
        super().__init__(folder, name)
        self._address = address
        self._port = port
        self._tls = tls

    def command(self) -> list[str]:
        program = require("usr/sbin/rsyslogd")
        config = self._folder / f"{self._name}.conf"
        config.write_text(
            f"{self._tls}\n"
            'module(load="imtcp" '
            + (
                'StreamDriver.Name="gtls" StreamDriver.Mode="1" '
                'StreamDriver.AuthMode="x509/certvalid"'
                if self._tls
                else ""
            )
            + ")\n"
            f'input(type="imtcp" port="{self._port}" address="{self._address}")\n'
            'template(name="raw" type="string" string="%rawmsg%\\n")\n'
            f'action(type="omfile" file="{self.output}" template="raw")\n'
        )
        return [
            *(str(program), "-n", "-f", str(config)),
            *("-i", str(self._folder / f"{self._name}.pid")),
            *("-M", str(ROOT / _RSYSLOG_MODULES)),
        ]


async def loggen(*arguments: str) -> int:
    """Run loggen and return how many messages it says to have sent."""
    program = require("usr/bin/loggen")
    process = await asyncio.create_subprocess_exec(
        str(program), *arguments, env=environment(), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    text = (await process.stderr.read()).decode()
    await process.wait()
    counts = [
        part for part in text.replace(",", " ").split() if part.startswith("count=")
    ]
    assert counts, text
    return int(counts[-1].partition("=")[2])
