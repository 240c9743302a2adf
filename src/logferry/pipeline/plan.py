"""
In which form a source's lines are processed, and why.

===========  ====================================================================
*whole*      the chunk goes on as it came: everything on it is canonical and wanted
*slices*     one regular expression takes the fields out of each line that something
             on this source reads, and no others
*messages*   each line becomes a ``Message``
===========  ====================================================================

The form is chosen for each source, and within *slices* for each branch: where a step
can only be done on a message (a parser, a typed rewrite), one is made there, for the
lines that come as far as this step. Only when most ways need one, or the source's
options change what a line means, is every line made a message at once.

All forms do the same; the difference is the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from logferry.codegen.layout import LEGACY, LEGACY_LOCAL, SYSLOG, UNPARSED, Layout

if TYPE_CHECKING:
    from logferry.syslog.reception import Reception

__all__ = ["Branch", "Obstacle", "Plan", "layout_of", "obstacle_of"]

# Source flags under which a canonical line is read in the canonical way.
_PLAIN_FLAGS: Final = frozenset(
    {
        "expect-hostname",
        "syslog-protocol",
        "threaded",
        "piggyback-errors",
        "store-legacy-msghdr",
        "exit-on-eof",
        "ignore-aux-data",
        "no-parse",
        "no-hostname",
        "dont-store-legacy-msghdr",
    }
)
_ODD_OPTIONS: Final = {
    "check_hostname": "leave it out where senders are known",
    "bad_hostname": "leave it out where senders are known",
    "encoding": "let the senders write UTF-8",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why lines cannot be read in the canonical way, and what would help."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A step of a path in the *slices* form that is done on a message."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The chosen form.

    Attributes:
        form: ``whole``, ``slices`` or ``messages``.
        reason: why it is not a cheaper one, or that it is the cheapest.
        remedy: what would make it faster; empty when nothing would.
        reads: the fields that are taken out of each line.
        branches: where messages are made although the form is *slices*.

    """

    form: str
    reason: str
    remedy: str = ""
    reads: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()

    def explain(self) -> str:
        """Return the plan for people, without a newline at the end."""
        lines = [f"{self.form}: {self.reason}"]
        if self.reads:
            lines.append(f"  reads {', '.join(self.reads)}")
        lines += [
            f"  messages from {branch.place} on: {branch.reason}"
            for branch in self.branches
        ]
        if self.remedy:
            lines.append(f"  faster: {self.remedy}")
        return "\n".join(lines)


def layout_of(reception: Reception) -> Layout:
    """Return what canonical lines of a source look like."""
    flags = reception.flags
    if "no-parse" in flags:
        return UNPARSED
    if "syslog-protocol" in flags:
        return SYSLOG
    return LEGACY if "expect-hostname" in flags else LEGACY_LOCAL


def obstacle_of(reception: Reception) -> Obstacle | None:
    """Return why lines of a source are not read in the canonical way, if so."""
    odd_flags = ", ".join(sorted(reception.flags - _PLAIN_FLAGS))
    if odd_flags:
        return Obstacle(f"flags({odd_flags})", f"without {odd_flags}")
    if reception.has_own_pid:
        return Obstacle("use-syslogng-pid() is set", "leave it out")
    for name, remedy in _ODD_OPTIONS.items():
        if getattr(reception, name):
            return Obstacle(f"{name.replace('_', '-')}() is set", remedy)
    return None
