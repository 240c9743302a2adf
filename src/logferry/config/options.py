"""The global options: ``options { … };``."""

from __future__ import annotations

from logferry.config.kinds import Integer, Seconds, YesNo
from logferry.config.schema import Option, Options

__all__ = ["GlobalOptions"]


class GlobalOptions(Options):
    """What all drivers take as default."""

    title = "options"

    time_reopen = Option(
        Seconds(minimum=0.001),
        60.0,
        doc="How long to wait before a failed destination is tried again.",
        unit="s",
    )
    log_fifo_size = Option(
        Integer(minimum=1),
        10_000,
        doc="How many messages a memory queue holds.",
        unit="messages",
    )
    keep_hostname = Option(
        YesNo(), default=False, doc="Trust the host name inside the message."
    )
