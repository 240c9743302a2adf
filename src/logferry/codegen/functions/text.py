"""Functions that change text: ``$(substr …)``, ``$(sanitize …)``, ``$(padding …)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import ANY, Plain, Special, take_options
from logferry.codegen.template_text import Function

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["TEXT", "emit_call"]


def emit_call(
    function: Function, call: object, fields: Fields, context: MacroContext
) -> str:
    """Return an expression that calls ``call`` with the arguments expanded."""
    from logferry.codegen.templates import emit_parts

    codes = [emit_parts(parts, fields, context) for parts in function.arguments]
    name = fields.constants.bind(call, _name_of(function.name))
    return f"{name}({', '.join(codes)})"


_SIGNS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}


def _name_of(function: str) -> str:
    """Return a name for generated code; ``or``, ``if`` … are taken."""
    name = _SIGNS.get(function, function.replace("-", "_"))
    return f"{name}_of" if name in {"or", "if", "filter", "map"} else name


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
        first += len(text)
    if not 0 <= first < len(text):
        return b""
    stop = len(text) + size if size < 0 else first + size
    return text[first : max(first, stop)]


def _strip(*values: bytes) -> bytes:
    return b" ".join(item for value in values if (item := value.strip()))


def _emit_sanitize(function: Function, fields: Fields, context: MacroContext) -> str:
    options, rest = take_options(
        function,
        {
            "-c": "controls",
            "--ctrl-chars": "controls",
            "-C": "no-controls",
            "--no-ctrl-chars": "no-controls",
        },
        {
            "-i": "invalid",
            "--invalid-chars": "invalid",
            "-r": "replacement",
            "--replacement": "replacement",
        },
    )
    bad = _bytes(options.get("invalid", "/"))
    if "no-controls" not in options:
        bad += bytes(range(32))
    good = _bytes(options.get("replacement", "_"))[:1]
    table = bytes.maketrans(bad, good * len(bad))

    def sanitize(*values: bytes) -> bytes:
        return b"/".join(value.translate(table) for value in values)

    return emit_call(rest, sanitize, fields, context)


def _lowercase(*values: bytes) -> bytes:
    return b" ".join(_bytes(_text(value).lower()) for value in values)


def _uppercase(*values: bytes) -> bytes:
    return b" ".join(_bytes(_text(value).upper()) for value in values)


def _replace_delimiter(delimiters: bytes, new: bytes, text: bytes) -> bytes:
    for code in delimiters:
        text = text.replace(bytes((code,)), new[:1])
    return text


_WIDTH_MAX = 65_536
"""A width may come from a message: more is taken for a mistake."""


def _padding(text: bytes, width: bytes, pad: bytes = b" ") -> bytes:
    try:
        missing = int(width) - len(text)
    except ValueError:
        return text
    if not 0 < missing <= _WIDTH_MAX or not pad:
        return text
    return (pad * (missing // len(pad) + 1))[:missing] + text


def _indent_multi_line(*values: bytes) -> bytes:
    text = b" ".join(values)
    return text.replace(b"\n", b"\n\t").replace(b"\n\t\t", b"\n\t")


def _or(*values: bytes) -> bytes:
    return next((value for value in values if value), b"")


def _basename(path: bytes) -> bytes:
    stripped = path.rstrip(b"/")
    if not stripped:
        return b"/" if path else b"."
    return stripped.rpartition(b"/")[2]


def _dirname(path: bytes) -> bytes:
    head, slash, _ = path.rpartition(b"/")
    if not slash:
        return b"."
    return head.rstrip(b"/") or b"/"


def _binary(*values: bytes) -> bytes:
    return bytes(_c_number(value) & 255 for value in values)


def _c_number(text: bytes) -> int:
    """Read a number as C does: ``0x31``, ``061``, ``49``; zero for what is none."""
    try:
        if text[:2].lower() == b"0x":
            return int(text, 16)
        return int(text, 8 if text.startswith(b"0") and len(text) > 1 else 10)
    except ValueError:
        return 0


TEXT: dict[str, Plain | Special] = {
    "echo": Plain(_echo),
    "length": Plain(_length, kind="int"),
    "substr": Plain(_substr, 2, 3),
    "strip": Plain(_strip),
    "sanitize": Special(_emit_sanitize),
    "lowercase": Plain(_lowercase),
    "uppercase": Plain(_uppercase),
    "replace-delimiter": Plain(_replace_delimiter, 3, 3),
    "padding": Plain(_padding, 2, 3),
    "indent-multi-line": Plain(_indent_multi_line),
    "or": Plain(_or, 0, ANY),
    "basename": Plain(_basename, 1, 1),
    "dirname": Plain(_dirname, 1, 1),
    "binary": Plain(_binary, 1, ANY, kind="bytes"),
}
"""Functions that change text, by name."""
