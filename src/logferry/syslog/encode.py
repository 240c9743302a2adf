"""
Messages as bytes in the wire formats: the slow, obvious way.

The compiled program has these formats as templates of its own; both must agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["encode_sdata", "first_word", "octet_counted"]

_BOM = b"\xef\xbb\xbf"


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
    texts = [element.encode("utf-8", "surrogateescape")]
    for name, value in parameters:
        escaped = (
            value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"]", b"\\]")
        )
        texts.append(b'%b="%b"' % (name.encode("utf-8", "surrogateescape"), escaped))
    return b"[" + b" ".join(texts) + b"]"


def first_word(value: bytes) -> bytes:
    """Return a header field: cut at its first space, ``-`` when it is empty."""
    return value.partition(b" ")[0] or b"-"


def octet_counted(record: bytes) -> bytes:
    """Return ``record`` with its length before it (RFC 6587, 3.4.1)."""
    return b"%d %b" % (len(record), record)
