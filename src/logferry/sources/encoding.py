"""
Text whose line ends are not single bytes: UTF-16 and UTF-32.

Every other encoding has the line end of ASCII, so that its text is cut first and
converted message by message; these must be converted before they can be cut.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.sources.multi_line import TextFramer
    from logferry.syslog.framing import Frames

__all__ = ["RecodingFramer", "is_known", "is_wide"]

_WIDE = ("utf-16", "utf-32", "ucs-2", "ucs-4", "u16", "u32")


def is_known(encoding: str) -> bool:
    """Tell whether ``encoding`` can be converted."""
    try:
        codecs.lookup(_python_name(encoding))
    except LookupError:
        return False
    return True


def is_wide(encoding: str) -> bool:
    """Tell whether a line end takes more than one byte."""
    return encoding.lower().replace("_", "-").startswith(_WIDE)


def _python_name(encoding: str) -> str:
    return encoding.lower().replace("ucs-2", "utf-16").replace("ucs-4", "utf-32")


class RecodingFramer:
    """
    Converts to UTF-8 before it cuts.

    Args:
        framer: cuts UTF-8.
        encoding: what the bytes are in; name the byte order (``UTF-16LE``), or it is
            this machine's once reading begins behind the byte order mark.

    """

    def __init__(self, framer: TextFramer, encoding: str) -> None:
        self._framer = framer
        self._name = _python_name(encoding)
        self._decoder = codecs.getincrementaldecoder(self._name)("replace")

    @property
    def rest(self) -> bytes:
        """The raw bytes after the last frame."""
        undecoded, _ = self._decoder.getstate()
        text = self._framer.rest
        if not text:
            return undecoded
        recoded = text.decode("utf-8", "replace").encode(self._name)
        if self._name in {"utf-16", "utf-32"}:  # encode() puts a mark in front
            recoded = recoded[2 if self._name == "utf-16" else 4 :]
        return recoded + undecoded

    def feed(self, data: bytes) -> Frames:
        """Return the frames that ``data`` completed."""
        return self._framer.feed(self._decoder.decode(data).encode())

    def take(self) -> Frames:
        """Return nothing: text has no errors."""
        return self._framer.take()

    def finish(self) -> Frames:
        """Return what is left at the end of the file."""
        return self._framer.finish()
