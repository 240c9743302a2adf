"""
Texts that look like configurations, and the reading of them.

Three ways to make one: words of the language in any order; a configuration of the
corpus (the golden ones) with pieces taken out, doubled, moved or replaced; any text.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from logferry.config.lint import lint
from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.errors import ConfigError
from logferry.runtime.environment import Environment

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
_piece = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|`[^`]*`|[\w.-]+|\s+|.", re.DOTALL)

_SIGNS = [*"(){};,`'\"@#\\\n =", "=>", "..", "==", "!=", "<=", "$", "${", "$(", "``"]
_WORDS = [
    "source",
    "destination",
    "filter",
    "parser",
    "rewrite",
    "log",
    "template",
    "template-function",
    "options",
    "block",
    "root",
    "junction",
    "channel",
    "if",
    "elif",
    "else",
    "flags",
    "final",
    "fallback",
    "catchall",
    "not",
    "and",
    "or",
    "network",
    "syslog",
    "tcp",
    "udp",
    "file",
    "http",
    "pipe",
    "program",
    "internal",
    "stdin",
    "unix-dgram",
    "port",
    "transport",
    "tls",
    "failover",
    "servers",
    "template",
    "persist-name",
    "value",
    "type",
    "condition",
    "set",
    "subst",
    "unset",
    "level",
    "facility",
    "host",
    "program",
    "match",
    "tags",
    "json-parser",
    "csv-parser",
    "@version:",
    "@include",
    "@define",
    "@module",
    "@line",
    "@requires",
    "confgen",
    "scl.conf",
    "__VARARGS__",
    "python",
    "filterx",
    "yes",
    "no",
    "4.27",
    "3.38",
    "0",
    "1",
    "-1",
    "0x1f",
    "10k",
    "1MiB",
    "99999999999999999999",
    "x",
    "y",
    "z",
]


@cache
def corpus() -> tuple[str, ...]:
    """Return the configurations to begin with; no programs are run from them."""
    texts = (path.read_text() for path in sorted(GOLDEN.glob("*/*.conf")))
    return tuple(text for text in texts if "exec(" not in text)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Return a configuration of the corpus with a few pieces changed."""
    pieces = _piece.findall(draw(st.sampled_from(corpus())))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(pieces) - 1)))
        action = draw(st.sampled_from(["drop", "double", "swap", "insert", "repeat"]))
        if not pieces or action == "insert":
            pieces.insert(at, draw(words()))
        elif action == "drop":
            del pieces[at]
        elif action == "double":
            pieces.insert(at, pieces[at])
        elif action == "swap":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        else:
            end = min(len(pieces), at + draw(st.integers(1, 20)))
            pieces[at:end] = pieces[at:end] * draw(st.integers(2, 40))
    return "".join(pieces)


def words() -> st.SearchStrategy[str]:
    """Return a word or sign of the language, or a short text."""
    return st.one_of(
        st.sampled_from(_SIGNS), st.sampled_from(_WORDS), st.text(max_size=4)
    )


def configurations() -> st.SearchStrategy[str]:
    """Return texts to read."""
    soup = st.lists(words(), max_size=60).map(" ".join)
    return st.one_of(mutations(), soup, st.text(max_size=200))


def read(text: str) -> str:
    """Read, check and compile ``text``; return what is said about it."""
    name = Path("fuzz.conf")
    if "exec" in text and "confgen" in text:
        return ""  # programs of random names are not run
    try:
        configuration, diagnostics = load_configuration(
            name, default_registry(), {"HOME": "/root"}, text
        )
        environment = Environment(time_zone="UTC")
        build_topology(configuration, environment, QueueStore(environment))
        lint(configuration, diagnostics)
    except ConfigError as error:
        return render_diagnostics(error.diagnostics, {"fuzz.conf": text})
    return render_diagnostics(tuple(diagnostics.items), {"fuzz.conf": text})
