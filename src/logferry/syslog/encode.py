"""
Messages as bytes in the wire formats: the slow, obvious way.

The compiled program has these formats as templates of its own; both must agree.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["encode_sdata", "first_word", "octet_counted"]

_BOM = b"\xef\xbb\xbf"
_WORD = re.compile(rb"[^\x00-\x20\x7f]+")
_NOT_IN_NAMES = re.compile(r'[\x00-\x20\x7f="\]]')


def encode_sdata(values: Mapping[str, bytes], prefix: str = ".SDATA.") -> bytes:
    r"""
    Return structured data (RFC 5424, 6.3) from name-value pairs, or nothing.

    Names are ``prefix`` + element + ``.`` + parameter; elements come in the order of
    their first parameter. ``"``, ``\`` and ``]`` in values are escaped.
    """
    elements: dict[str, list[tuple[str, bytes]]] = {}
    for name, value in values.items():
        if not name.startswith(prefix):
            continue
        element, parameter = _split(name[len(prefix) :])
        parameters = elements.setdefault(element, [])
        if parameter:
            parameters.append((parameter, value))
    return b"".join(
        _encode_element(element, parameters) for element, parameters in elements.items()
    )


def _split(name: str) -> tuple[str, str]:
    """Split element and parameter; an enterprise id (``x@1.2.3``) may hold dots."""
    at = name.find("@")
    if at < 0:
        element, _, parameter = name.partition(".")
        return element, parameter
    position = at + 1
    while position < len(name) and (name[position].isdigit() or name[position] == "."):
        position += 1
    if position < len(name):
        position = name.rfind(".", 0, position + 1)
        return name[:position], name[position + 1 :]
    return name, ""


def _encode_element(element: str, parameters: list[tuple[str, bytes]]) -> bytes:
    texts = [_name(element)]
    for name, value in parameters:
        escaped = (
            value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"]", b"\\]")
        )
        texts.append(b'%b="%b"' % (_name(name), escaped))
    return b"[" + b" ".join(texts) + b"]"


@lru_cache(maxsize=4096)
def _name(name: str) -> bytes:
    """Return an SD-NAME (RFC 5424, 6.3.3): what would end it is an underscore."""
    return _NOT_IN_NAMES.sub("_", name).encode("utf-8", "surrogateescape")


@lru_cache(maxsize=4096)
def first_word(value: bytes) -> bytes:
    """
    Return a header field (RFC 5424, 6): ``-`` when it is empty.

    It ends at the first character that would end it on the wire, which is a space, or
    the line with it, which is a control character.
    """
    found = _WORD.match(value)
    return found[0] if found is not None else b"-"


def octet_counted(record: bytes) -> bytes:
    """Return ``record`` with its length before it (RFC 6587, 3.4.1)."""
    return b"%d %b" % (len(record), record)
