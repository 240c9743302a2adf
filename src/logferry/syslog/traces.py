"""
Back-traces of common languages, as ``multi-line-mode(smart)`` knows them.

A trace has a *head* (a line that may begin one), a *body* (lines that go on with it)
and, in some languages, a *tail*: one last line that looks like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from logferry.records import record

__all__ = ["TRACES", "Trace"]

Search: TypeAlias = Callable[[bytes], Any]


@record
class Trace:
    """How one language prints a back-trace."""

    name: str
    head: Search
    body: Search
    tail: Search | None = None


def _search(*alternatives: bytes) -> Search:
    return re.compile(b"|".join(alternatives)).search


TRACES = (
    Trace(
        "python",
        _search(rb"Traceback \(most recent call last\):\s*$"),
        _search(rb"^[\t ]+\S"),
        _search(rb"^[A-Za-z_][\w.]*(?::|$)"),
    ),
    # JavaScript prints as Java does, but for its eval frames.
    Trace(
        "java",
        _search(
            rb"(?:Exception|Error|Throwable)(?::|\s*$)",
            rb"V8 errors stack trace:\s*$",
        ),
        _search(
            rb"^[\t ]+(?:eval )?at ",
            rb"^[\t ]*(?:Caused by|Suppressed):",
            rb"^[\t ]+nested exception is:",
            rb"^[\t ]*-{2,} End of inner exception stack trace",
            rb"^[\t ]*\.{3} \d+ (?:more|common frames omitted)",
        ),
    ),
    Trace(
        "go",
        _search(rb"\bpanic: ", rb"http: panic serving"),
        _search(
            rb"^$",
            rb"^\[signal ",
            rb"^[\t ]*panic: ",
            rb"^goroutine \d+ \[[^\]]+\]:$",
            rb"^\t\S+:\d+",
            rb"^(?:created by )?[\w./*()-]+\.[\w.*()-]+(?:\(.*\))?"
            rb"(?: in goroutine.*)?$",
        ),
        _search(rb"^exit status \d+$"),
    ),
    Trace(
        "ruby",
        _search(rb"\bError \(.*\):\s*$", rb"\.rb:\d+:in [`'].*\((?:\w|::)+\)\s*$"),
        _search(rb"^[\t ]+(?:from )?\S+:\d+:in [`']", rb"^ *$"),
    ),
    Trace(
        "php",
        _search(
            rb"PHP (?:Notice|Parse error|Fatal error|Warning|Stack trace):",
            rb"\bUncaught (?:exception|\w*(?:Exception|Error))\b",
        ),
        _search(
            rb"^(?:PHP )?Stack trace:\s*$",
            rb"^(?:PHP +)?#?\d+[.)]? ",
            rb"^[\t ]+thrown in ",
        ),
    ),
    Trace(
        "dart",
        _search(rb"^Unhandled exception:\s*$", rb"\bUnhandled [Ee]xception:"),
        _search(
            rb"^#\d+\s+\S", rb"^<asynchronous suspension>\s*$", rb"^[A-Z][\w ()]*: "
        ),
    ),
)
