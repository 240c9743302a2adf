"""
What changed at which ``@version``: the first version with today's meaning.

A configuration keeps the meaning it had when its ``@version`` was new. Every change
that a configuration can notice is named here and looked up by whoever it concerns; what
has types since 4.0 asks ``MacroContext.is_typed``, defaults that changed are
``ByVersion``.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CONTEXT_VALUES_ARE_TEMPLATES",
    "CORRELATIONS_PASS_ON",
    "DUPLICATES_ARE_ERRORS",
    "INCLUDE_NEEDS_AT",
    "LOCAL_MESSAGES_HAVE_NO_HOST",
    "OLD_SYSLOG_PORT",
    "SIGNS_COMPARE_NUMBERS",
    "SYSLOG_PORTS_DIFFER",
    "TEMPLATES_KEEP_BACKSLASHES",
    "Version",
]

Version = tuple[int, int]

LOCAL_MESSAGES_HAVE_NO_HOST: Final = (3, 2)
"""Local sockets and pipes: a host name was expected in every message before."""

SYSLOG_PORTS_DIFFER: Final = (3, 3)
"""``syslog()`` over UDP and TLS: all transports had ``OLD_SYSLOG_PORT`` before."""

OLD_SYSLOG_PORT: Final = 601

DUPLICATES_ARE_ERRORS: Final = (3, 3)
"""Two statements with one name: the last one counted before."""

CORRELATIONS_PASS_ON: Final = (3, 3)
"""``db-parser()``: messages that it made went to ``internal()`` before."""

TEMPLATES_KEEP_BACKSLASHES: Final = (3, 5)
r"""Templates: a backslash took the meaning of what followed, as in ``\$``, before."""

SIGNS_COMPARE_NUMBERS: Final = (3, 8)
"""``== != < >`` in filters: they compared text before, like ``eq ne lt gt``."""

INCLUDE_NEEDS_AT: Final = (3, 20)
"""``include "file";`` was a statement before."""

CONTEXT_VALUES_ARE_TEMPLATES: Final = (3, 21)
"""``add-contextual-data()``: values were plain text before."""
