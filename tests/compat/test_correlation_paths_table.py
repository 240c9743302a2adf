"""Where messages of a correlation go: log path by log path, the same as in syslog-ng."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.differential import ORIGIN
from helpers.peers import ROOT, environment, require
from helpers.programs import NOW, compiled, records

LINES = tuple(
    f"<13>2026-10-11T22:14:{second:02}+00:00 h {program}[1]: {text}"
    for second, program, text in (
        *((0, "p", "a"), (1, "q", "b"), (10, "p", "c"), (11, "q", "d")),
        *((20, "p", "e"), (59, "z", "last")),
    )
)
AGGREGATE = 'aggregate(value("MESSAGE" "+ $(context-length) ${MESSAGE}@1") tags("t"))'
PARSER = f'parser p {{ grouping-by(key("k") timeout(5) {AGGREGATE}); }};'
NEXT = f'parser {{ grouping-by(key("x") timeout(5) {AGGREGATE}); }};'
END = "log { source(s); filter { message('^last$'); }; destination(d3); };\n"
ALL = "a|b|+ 3 b|c|d|+ 3 d|e|+ 2 e|last"


@dataclass(frozen=True)
class Case:
    """Log paths, and what arrives at ``d0`` … ``d2``, words apart by ``|``."""

    paths: str
    expected: tuple[str, str, str]

    def here(self) -> tuple[str, str, str]:
        """Return what arrives in our program."""
        text = _config(self.paths, "input(keep-hostname(yes))", "output({0})")
        site = compiled(text)
        frames = [line.encode() for line in LINES]
        found = records(site.program, site.program.frames(frames, ORIGIN, NOW))
        return _joined(
            [b"".join(found.get(f"d{number}#0", [])).decode() for number in range(3)]
        )

    def there(self, folder: Path) -> tuple[str, str, str]:
        """Return what arrives in syslog-ng."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        source = f"network(ip(127.0.0.1) port({port}))"
        config = folder / "c.conf"
        text = _config(self.paths, source, f'file("{folder}/out{{1}}" {{0}})')
        options = "options { keep-hostname(yes); use-dns(no); dns-cache(no); };\n"
        head, _, body = text.partition("\n")
        config.write_text(f"{head}\n{options}{body}")
        with subprocess.Popen(
            [
                *(require("usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", config),
                *("-R", folder / "persist", "-p", folder / "pid"),
                *("-c", folder / "ctl"),
                f"--module-path={ROOT / 'usr/lib/syslog-ng/3.38'}",
            ],
            env={**environment(), "TZ": "UTC"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                _feed(port, folder / "out3")
            finally:
                process.terminate()
        found = [folder / f"out{number}" for number in range(3)]
        return _joined([path.read_text() if path.exists() else "" for path in found])


def _config(paths: str, source: str, destination: str) -> str:
    template = 'template("$MSG\\n")'
    destinations = "".join(
        f"destination d{number} {{ {destination.format(template, number)}; }};\n"
        for number in range(4)
    )
    return f"@version: 4.0\n{PARSER}\nsource s {{ {source}; }};\n{destinations}{END}{paths}\n"


def _feed(port: int, last: Path) -> None:
    until = time.monotonic() + 10
    with socket.socket() as stream:
        while stream.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until
            time.sleep(0.01)
        stream.sendall("".join(f"{line}\n" for line in LINES).encode())
        while not last.exists() or b"last" not in last.read_bytes():
            assert time.monotonic() < until
            time.sleep(0.01)


def _joined(texts: list[str]) -> tuple[str, str, str]:
    first, second, third = ("|".join(text.splitlines()) for text in texts)
    return first, second, third


IF = 'if { filter { tags("t"); }; destination(d0); } else { destination(d1); };'
CASES = (
    Case("log { source(s); parser(p); destination(d0); };", (ALL, "", "")),
    Case(
        "log { source(s); parser(p); destination(d0); };"
        "log { source(s); filter { program(q); }; parser(p); destination(d1); };",
        (ALL, "b|+ 2 b|d", ""),
    ),
    Case(
        "log { source(s); parser(p); destination(d0); flags(final); };"
        "log { source(s); destination(d1); };",
        (ALL, "", ""),
    ),
    Case(
        'log { source(s); parser(p); filter { tags("t"); }; destination(d0);'
        " flags(final); }; log { source(s); destination(d1); };",
        ("+ 3 b|+ 3 d|+ 2 e", "a|b|c|d|e|last", ""),
    ),
    Case(
        'log { source(s); parser(p); filter { tags("t"); }; destination(d0); };'
        "log { source(s); destination(d1); flags(fallback); };",
        ("+ 3 b|+ 3 d|+ 2 e", "a|b|c|d|e", ""),
    ),
    Case(
        "log { source(s); junction { channel { filter { program(q); }; parser(p);"
        " flags(final); }; channel { }; }; destination(d0); };",
        ("a|b|c|+ 2 b|d|e|last", "", ""),
    ),
    Case(
        "log { source(s); junction { channel { parser(p); };"
        " channel { filter { program(q); }; }; }; destination(d0); };",
        ("a|b|b|+ 3 b|c|d|d|+ 3 d|e|+ 2 e|last", "", ""),
    ),
    Case(
        "log { source(s); if (program(q)) { parser(p); } else"
        ' { rewrite { set("x$MSG" value("MESSAGE")); }; }; destination(d0); };',
        ("xa|b|xc|+ 2 b|d|xe|xlast", "", ""),
    ),
    Case(
        "log { source(s); log { parser(p); destination(d0); flags(final); };"
        " log { destination(d1); }; };",
        (ALL, "", ""),
    ),
    Case(
        'log { source(s); parser(p); rewrite { set("<$MSG>" value("MESSAGE")); };'
        f" {NEXT} destination(d0); }};",
        (
            "<a>|<b>|<+ 3 b>|+ 4 <+ 3 b>|<c>|<d>|<+ 3 d>|+ 4 <+ 3 d>|<e>|<+ 2 e>|+ 3 <+ 2 e>|<last>",
            "",
            "",
        ),
    ),
    Case(
        f"log {{ source(s); parser(p); {IF} destination(d2); }};",
        ("+ 3 b|+ 3 d|+ 2 e", "a|b|c|d|e|last", ALL),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.paths)
def test_messages_arrive_as_the_table_says(case: Case) -> None:
    assert case.here() == case.expected


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.paths)
def test_syslog_ng_does_as_the_table_says(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert case.there(Path(folder)) == case.expected
