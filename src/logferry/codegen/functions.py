"""
Template functions: ``$(echo …)``, ``$(format-json …)`` and the rest.

Most are plain Python functions from bytes to bytes; the generated code calls them with
its argument expressions. ``format-json`` and its kin look at the whole message and
exist only in the *messages* form.
"""

from __future__ import annotations

import base64
import hashlib
import os
import urllib.parse
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.codegen.template_text import Function, TemplateError
from logferry.config.diagnostics import did_you_mean

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["FUNCTIONS", "emit_function"]


def emit_function(function: Function, fields: Fields, context: MacroContext) -> str:
    """Return an expression that calls ``function``. Raises ``TemplateError``."""
    from logferry.codegen.json_format import emit_format_json
    from logferry.codegen.templates import emit_template, pieces_of

    if function.name in {"format-json", "format-flat-json"}:
        return emit_format_json(function, fields, context)
    implementation = FUNCTIONS.get(function.name)
    if implementation is None:
        raise TemplateError(
            f"unknown template function $({function.name}) "
            + did_you_mean(function.name, [*FUNCTIONS, "format-json"])
        )
    codes = [
        emit_template(pieces_of(parts, fields, context), fields).code
        if parts
        else 'b""'
        for parts in function.arguments
    ]
    bound = fields.constants.bind(implementation, function.name.replace("-", "_"))
    return f"{bound}({', '.join(codes)})"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _echo(*values: bytes) -> bytes:
    return b" ".join(values)


def _length(*values: bytes) -> bytes:
    return b" ".join(b"%d" % len(value) for value in values)


def _substr(text: bytes, start: bytes, length: bytes = b"") -> bytes:
    try:
        first, size = int(start), int(length) if length else len(text)
    except ValueError:
        return b""
    if first < 0:
        first = max(0, len(text) + first)
    if first >= len(text):
        return b""
    stop = len(text) + size if size < 0 else first + size
    return text[first : max(first, stop)]


def _strip(*values: bytes) -> bytes:
    return b" ".join(item for value in values if (item := value.strip()))


def _sanitize(*values: bytes) -> bytes:
    table = bytes.maketrans(b"/" + bytes(range(32)), b"_" * 33)
    return b"/".join(value.translate(table) for value in values)


def _lowercase(*values: bytes) -> bytes:
    return b" ".join(_bytes(_text(value).lower()) for value in values)


def _uppercase(*values: bytes) -> bytes:
    return b" ".join(_bytes(_text(value).upper()) for value in values)


def _replace_delimiter(delimiters: bytes, new: bytes, text: bytes) -> bytes:
    for code in delimiters:
        text = text.replace(bytes((code,)), new)
    return text


def _padding(text: bytes, width: bytes, pad: bytes = b" ") -> bytes:
    try:
        missing = int(width) - len(text)
    except ValueError:
        return text
    if missing <= 0 or not pad:
        return text
    return (pad * (missing // len(pad) + 1))[:missing] + text


def _indent_multi_line(text: bytes) -> bytes:
    return text.replace(b"\n", b"\n\t").replace(b"\n\t\t", b"\n\t")


def _or(*values: bytes) -> bytes:
    return next((value for value in values if value), b"")


def _number(text: bytes) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def _print_number(value: float) -> bytes:
    if isinstance(value, int):
        return b"%d" % value
    return repr(value).encode()


def _arithmetic(
    compute: Callable[[int | float, int | float], int | float],
) -> Callable[..., bytes]:
    def apply(left: bytes, right: bytes) -> bytes:
        first, second = _number(left), _number(right)
        if first is None or second is None:
            return b"NaN"
        try:
            return _print_number(compute(first, second))
        except (ZeroDivisionError, OverflowError):
            return b"NaN"

    return apply


def _divide(left: float, right: float) -> int | float:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)  # truncates, as C does
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _remainder(left: float, right: float) -> int | float:
    if not isinstance(left, int) or not isinstance(right, int):
        raise ZeroDivisionError
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def _round(value: bytes, digits: bytes = b"0") -> bytes:
    number, places = _number(value), _number(digits)
    if number is None or not isinstance(places, int) or not 0 <= places <= 20:
        return b"NaN"
    return b"%.*f" % (places, number)


def _ceil(value: bytes) -> bytes:
    number = _number(value)
    return b"NaN" if number is None else b"%d" % -int(-number // 1)


def _floor(value: bytes) -> bytes:
    number = _number(value)
    return b"NaN" if number is None else b"%d" % int(number // 1)


def _hash(name: str) -> Callable[..., bytes]:
    def apply(*values: bytes) -> bytes:
        arguments = list(values)
        length = None
        if arguments and arguments[0] in {b"-l", b"--length"}:
            length = int(arguments[1]) if len(arguments) > 1 else None
            arguments = arguments[2:]
        digest = hashlib.new(name, b"".join(arguments)).hexdigest()
        return digest[:length].encode()

    return apply


def _ipv4_to_int(*values: bytes) -> bytes:
    numbers = []
    for value in values:
        parts = value.split(b".")
        if len(parts) == 4 and all(
            part.isdigit() and int(part) < 256 for part in parts
        ):
            number = 0
            for part in parts:
                number = number * 256 + int(part)
            numbers.append(b"%d" % number)
        else:
            numbers.append(b"")
    return b",".join(numbers)


def _url_encode(*values: bytes) -> bytes:
    return b"".join(
        urllib.parse.quote_from_bytes(value, "").encode() for value in values
    )


def _url_decode(*values: bytes) -> bytes:
    return b"".join(urllib.parse.unquote_to_bytes(value) for value in values)


FUNCTIONS: dict[str, Callable[..., bytes]] = {
    "echo": _echo,
    "length": _length,
    "substr": _substr,
    "strip": _strip,
    "sanitize": _sanitize,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
    "replace-delimiter": _replace_delimiter,
    "padding": _padding,
    "indent-multi-line": _indent_multi_line,
    "or": _or,
    "+": _arithmetic(lambda left, right: left + right),
    "-": _arithmetic(lambda left, right: left - right),
    "*": _arithmetic(lambda left, right: left * right),
    "/": _arithmetic(_divide),
    "%": _arithmetic(_remainder),
    "round": _round,
    "ceil": _ceil,
    "floor": _floor,
    "hash": _hash("sha256"),
    "md5": _hash("md5"),
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "sha512": _hash("sha512"),
    "ipv4-to-int": _ipv4_to_int,
    "url-encode": _url_encode,
    "urlencode": _url_encode,
    "url-decode": _url_decode,
    "base64-encode": lambda *values: base64.b64encode(b"".join(values)),
    "base64-decode": lambda *values: base64.b64decode(b"".join(values)),
    "basename": lambda value: value.rpartition(b"/")[2],
    "dirname": lambda value: value.rpartition(b"/")[0],
    "env": lambda *names: b" ".join(os.environb.get(name, b"") for name in names),
    "uuid": lambda: str(uuid.uuid4()).encode(),
}
