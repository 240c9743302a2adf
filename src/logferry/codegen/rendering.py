"""How a destination wants its records: what the compiler needs to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from logferry.telemetry.flows import Cutter

if TYPE_CHECKING:
    from logferry.config.nodes import TemplateText

__all__ = ["Rendering", "TimeFormat"]


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """
    How stamps are written.

    Attributes:
        format: ``bsd``, ``iso``, ``full`` or ``unix``.
        frac_digits: digits of the fraction of a second, cut, not rounded.
        time_zone: zone to convert to; empty keeps the offset the stamp came with.

    """

    format: str = "bsd"
    frac_digits: int = 0
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """
    How one destination driver wants its records.

    Attributes:
        form: ``rfc3164`` (``<$PRI>$DATE $HOST $MSGHDR$MSG\\n``, BSD date always),
            ``rfc5424`` (a template, if any, replaces MSG), ``file``
            (``$DATE $HOST $MSGHDR$MSG\\n``) or ``template`` (the template, as it is).
        template: the template; ``None`` means the default of ``form``.
        octet_count: put the length and a space before each record (RFC 6587, 3.4.1).
        key: template of the routing key (file name, URL, partition key), if any;
            with ``key_escape`` its macro values are escaped: ``url`` (all but
            unreserved characters, RFC 3986) or ``path``.
        head: template of a line that is written before each record, escaped like
            the key: what a record's delivery needs to know of its message.
        cutter: what ``truncate_size`` is done with.
        pad_size: every record gets this size, filled up with NUL; 0 leaves it alone.
        suppress_s: how long repeated messages are held back; 0 is not at all.
        sequence: numbers for ``[meta sequenceId]``, shared by all sources.
        flags: destination flags such as ``no-multi-line``, ``syslog-protocol``.

    """

    form: str = "rfc3164"
    template: TemplateText | None = None
    octet_count: bool = False
    key: TemplateText | None = None
    key_escape: str = ""
    head: TemplateText | None = None
    time: TimeFormat = field(default_factory=TimeFormat)
    template_escape: bool = False
    on_error: str = "drop-message"
    truncate_size: int = -1
    pad_size: int = 0
    suppress_s: float = 0.0
    sequence: Iterator[int] = field(
        default_factory=partial(count, 1), compare=False, repr=False
    )
    cutter: Cutter = field(default_factory=Cutter, compare=False, repr=False)
    flags: frozenset[str] = frozenset()

    @property
    def numbered(self) -> str:
        """Which messages get a number: ``local`` ones, ``all``, or ``none``."""
        if "no-seqnum" in self.flags:
            return "none"
        return "all" if "seqnum-all" in self.flags else "local"
