"""The drop-in executables, called the way scripts call syslog-ng's own."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from logferry.cli.drop_in import write_drop_in

START_TIMEOUT_S = 20.0


class DropIn:
    """
    The executables in a folder, and one daemon that they run in another.

    Everything is called with ``folder`` as the working directory, so that paths can be
    relative and short.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[str] | None = None
        write_drop_in(programs)

    def run(
        self, program: str, *arguments: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ``program`` (such as ``sbin/syslog-ng-ctl``) to its end."""
        return subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``syslog-ng-ctl`` against the daemon."""
        return self.run("sbin/syslog-ng-ctl", *words, "--control=ctl")

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "a.conf").write_text("@version: 4.27\n" + text)

    def start(self, text: str, *arguments: str) -> None:
        """Start ``syslog-ng`` in the foreground and wait until it answers."""
        self.configure(text)
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "sbin/syslog-ng"),
                    *("--foreground", "--cfgfile=a.conf", "--persist-file=a.persist"),
                    *("--pidfile=a.pid", "--control=ctl", *arguments),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
        self.wait(lambda: self.ctl("stats").returncode == 0, "an answer to stats")

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running daemon."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """What the daemon said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def wait(self, is_done, what: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until ``is_done()``."""
        deadline = time.monotonic() + timeout_s
        while not is_done():
            assert self.process.poll() is None, f"the daemon ended:\n{self.log}"
            assert time.monotonic() < deadline, f"waited for {what}:\n{self.log}"
            time.sleep(0.02)

    def wait_for_log(self, text: str) -> None:
        """Wait until the daemon has said ``text``."""
        self.wait(lambda: text in self.log, repr(text))

    def stop(self) -> int:
        """Stop the daemon by ``syslog-ng-ctl stop``; return its exit status."""
        if self.process.poll() is None:
            self.ctl("stop")
        return self.process.wait(20)

    def end(self) -> None:
        """Make sure that nothing runs any more."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
