"""
The same processing here and in Debian's syslog-ng, row by row.

A :class:`Row` is a template (or a filter, rewrite or parser before it) and what it
prints. All rows of a table run in one process of syslog-ng, which reads them
over TCP; here, each row is a program of its own.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from helpers.peers import ROOT, environment, require
from helpers.programs import NOW, Site, compiled
from logferry.message.model import Origin, UnixNanos

LINE = "<13>2026-10-11T22:14:15+00:00 {host} prog[42]: {text}"
END = "\x1e"
ORIGIN = Origin(
    source=b"s",
    transport=b"bsdsyslog+tcp",
    host=b"127.0.0.1",
    peer_ip=b"127.0.0.1",
    local_ip=b"127.0.0.1",
    ip_proto=6,
)


@dataclass(frozen=True)
class Row:
    """
    One row of a compatibility table.

    Attributes:
        template: what the destination prints.
        expected: what the records are, one after the other.
        middle: what stands before the destination in the log path.
        text: the text of a message of its own; ``None``: the lines of the table.
        reference: what syslog-ng prints where that is something else …
        why: … and the reason (listed in ``docs/compat.md``).

    """

    template: str
    expected: str | tuple[str, ...]
    middle: str = ""
    text: str | None = None
    reference: str | tuple[str, ...] | None = None
    why: str = ""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        name = f"{self.middle} {self.template}".strip()
        return name if self.text is None else f"{name} <- {self.text}"

    @property
    def prints(self) -> list[bytes]:
        """The records expected here."""
        return _records(self.expected)

    @property
    def reference_prints(self) -> list[bytes]:
        """The records expected from syslog-ng."""
        return _records(self.expected if self.reference is None else self.reference)


def _records(value: str | tuple[str, ...]) -> list[bytes]:
    texts = (value,) if isinstance(value, str) else value
    return [text.encode("utf-8", "surrogateescape") for text in texts]


def quoted(text: str) -> str:
    """Return ``text`` as a string of the configuration."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class Table:
    """
    Rows that share lines, global options and the version of the configuration.

    Attributes:
        head: statements before the log paths, such as named filters.
        flags: flags of the source.

    """

    rows: list[Row]
    lines: tuple[str, ...] = (LINE.format(host="host", text="text"),)
    version: str = "4.0"
    head: str = ""
    options: str = ""
    flags: str = ""
    found: dict[int, list[bytes]] = field(default_factory=dict)

    def here(self, row: Row, now: UnixNanos = NOW) -> list[bytes]:
        """Return the records of one row from a program of ours."""
        lines = self._lines(self.rows.index(row))
        return self.site(row).frames_at(lines, ORIGIN, now)

    def differs(self, row: Row) -> str:
        """
        Say how syslog-ng and the table differ about a row; nothing when they agree.

        Years and days that a text leaves out come from the clock, so rows without a
        known difference are compared to what comes out here at this moment.
        """
        theirs = self.reference(row)
        if row.reference is None:
            expected = self.here(row, UnixNanos(time.time_ns()))
        else:
            expected = row.reference_prints
        return "" if theirs == expected else f"{theirs} is not {expected}"

    def site(self, row: Row) -> Site:
        """Return the program of one row."""
        ours = f"output(template({quoted(row.template)}))"
        return compiled(
            f"@version: {self.version}\n"
            f"{self.options}\n{self.head}\n"
            f"source s {{ input(keep-hostname(yes) flags({self.flags})); }};\n"
            f"log {{ source(s); {row.middle} destination {{ {ours}; }}; }};"
        )

    def _lines(self, index: int) -> list[bytes]:
        row = self.rows[index]
        lines = list(self.lines)
        if row.text is not None:
            lines = [LINE.format(host=f"r{index}", text=row.text)]
        return [line.encode("utf-8", "surrogateescape") for line in lines]

    def reference(self, row: Row) -> list[bytes]:
        """Return the records of one row from syslog-ng; the first call runs it."""
        if not self.found:
            self._run_reference()
        return self.found[self.rows.index(row)]

    def _run_reference(self) -> None:
        program = require("usr/sbin/syslog-ng")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = folder / "syslog-ng.conf"
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            config.write_text(self._reference_config(folder, port), "utf-8")
            lines = [line.encode("utf-8", "surrogateescape") for line in self.lines]
            for index, row in enumerate(self.rows):
                if row.text is not None:
                    lines += self._lines(index)
            with subprocess.Popen(
                [
                    *(program, "-F", "--no-caps", "-f", config),
                    *("-R", folder / "persist", "-p", folder / "pid"),
                    *("-c", folder / "ctl"),
                    f"--module-path={ROOT / 'usr/lib/syslog-ng/3.38'}",
                ],
                env={**environment(), "TZ": "UTC", "LOGFERRY_TEST": "from env"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            ) as process:
                try:
                    self._feed(process, folder, port, lines)
                finally:
                    process.terminate()
                    process.communicate(timeout=30)
            for index in range(len(self.rows)):
                path = folder / f"out.{index}"
                data = path.read_bytes() if path.exists() else b""
                self.found[index] = data.split(END.encode())[:-1]

    @staticmethod
    def _feed(
        process: subprocess.Popen[bytes], folder: Path, port: int, lines: list[bytes]
    ) -> None:
        """Send the lines and wait until the last one has come out."""
        until = time.monotonic() + 60
        with socket.socket() as stream:
            while stream.connect_ex(("127.0.0.1", port)):
                if process.poll() is not None or time.monotonic() > until:
                    assert process.stderr is not None
                    raise AssertionError(
                        process.stderr.read().decode("utf-8", "replace")
                    )
                time.sleep(0.01)
            stream.sendall(b"".join(line + b"\n" for line in lines))
            stream.sendall(LINE.format(host="last", text="").encode() + b"\n")
            while not (folder / "last").exists():
                assert time.monotonic() < until, "syslog-ng swallowed the last line"
                time.sleep(0.01)

    def _reference_config(self, folder: Path, port: int) -> str:
        paths = []
        for index, row in enumerate(self.rows):
            own = 'filter { not host("^(r[0-9]+|last)$") };'
            if row.text is not None:
                own = f'filter {{ host("r{index}" type(string)) }};'
            theirs = (
                f'file("{folder}/out.{index}" template({quoted(row.template + END)}))'
            )
            paths.append(
                f"log {{ source(s); {own} {row.middle} destination {{ {theirs}; }}; }};"
            )
        return (
            f"@version: {self.version}\n"
            "options { keep-hostname(yes); use-dns(no); dns-cache(no); };\n"
            f"{self.options}\n{self.head}\n"
            f"source s {{ network(ip(127.0.0.1) port({port}) flags({self.flags})); }};\n"
            + "\n".join(paths)
            + '\nlog { source(s); filter { host("last" type(string)); }; '
            f'destination {{ file("{folder}/last"); }}; }};'
        )


__all__ = ["END", "LINE", "Row", "Table", "quoted"]
