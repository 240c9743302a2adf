"""
``csv-parser()``: columns of delimited text.

A field that begins with an opening quote runs to the closing one; how a quote stands
inside it is the dialect. Everything else runs to the next delimiter. Text without any
quote is split in one step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.codegen.kinds import Columns, Delimiters
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.values import set_value, set_values
from logferry.config.kinds import Enum, Flags, TextKind, YesNo
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["DIALECTS", "CsvOptions", "CsvReader", "make_csv"]

_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
DIALECTS = (
    "escape-none",
    "escape-double-char",
    "escape-backslash",
    "escape-backslash-with-sequences",
)
"""How a quote may be escaped."""


class CsvOptions(ParserOptions):
    """``csv-parser()``."""

    title = "parser csv-parser"

    columns = Option(Columns(), (), doc="Names of the columns, with optional types.")
    prefix = Option(TextKind(), "", doc="Put before every name.")
    delimiters = Option(Delimiters(), (" ",), doc="What separates fields.")
    dialect = Option(Enum(DIALECTS), "escape-none", doc="How a quote is escaped.")
    quote_pairs = Option(TextKind(), "\"\"''", doc="Opening and closing quotes.")
    quotes = Option(TextKind(), "", doc="Quotes that open and close alike.")
    null = Option(TextKind(), "", doc="A value that means that there is none.")
    flags = Option(
        Flags(("greedy", "strip-whitespace", "drop-invalid", *DIALECTS[:3])),
        frozenset[str](),
        doc="How fields are read.",
    )
    drop_invalid = Option(
        YesNo(), default=False, doc="Drop messages whose columns do not fit."
    )
    on_type_error = Option(
        Enum(
            (
                "drop-message",
                "silently-drop-message",
                "drop-property",
                "silently-drop-property",
                "fallback-to-string",
                "silently-fallback-to-string",
            )
        ),
        "drop-message",
        doc="What happens to a value that is not of its column's type.",
    )


def make_csv(options: CsvOptions, context: MacroContext) -> ParserFunction:
    """Return the parser."""
    del context
    return CsvReader(options)


class CsvReader:
    """Takes texts apart, into fields or into a message."""

    def __init__(self, options: CsvOptions) -> None:
        flags = options.flags
        self._columns = tuple(
            (options.prefix + name if name else "", kind)
            for name, kind in options.columns
        )
        self._delimiters = tuple(item.encode() for item in options.delimiters)
        self._delimiter = re.compile(b"|".join(map(re.escape, self._delimiters)))
        self._closing = _quotes(options)
        self._dialect = next(
            (name for name in DIALECTS if name in flags), options.dialect
        )
        self._is_greedy = "greedy" in flags and bool(self._columns)
        # Without flags() spaces around columns do not count.
        self._strips = "strip-whitespace" in flags or "flags" not in options.given
        self._is_strict = options.drop_invalid or "drop-invalid" in flags
        self._null = options.null.encode()
        self._on_type_error = options.on_type_error.removeprefix("silently-")
        self._opening = b"".join(self._closing)
        # A space that delimits begins a column; it is none around one.
        self._blank = b" \t".translate(None, b"".join(self._delimiters))
        self._is_simple = (
            bool(self._columns)
            and len(self._delimiters) == 1
            and self._delimiters[0] != b""
        )
        names = tuple(name for name, kind in self._columns if name and not kind)
        self._names = names if len(names) == len(self._columns) else ()

    def fields(self, text: bytes) -> list[bytes]:
        """Return the fields of ``text``."""
        fields = self._split(text)
        return self._scan(text) if fields is None else fields

    def __call__(self, message: Message, text: bytes) -> bool:
        """Take ``text`` apart into ``message``; false when it does not fit."""
        fields = self._split(text)
        if fields is None:
            fields = self._scan(text)
        columns = self._columns
        if not columns:
            for number, value in enumerate(fields, 1):
                message.values[str(number)] = value
            return True
        if self._is_strict and len(fields) != len(columns):
            return False
        if self._null:
            fields = [b"" if value == self._null else value for value in fields]
        if self._names:
            set_values(message, dict(zip(self._names, fields, strict=False)))
            return True
        for (name, kind), value in zip(columns, fields, strict=False):
            if not name:
                continue  # a column without a name is skipped
            fits = not kind or _fits(value, kind)
            if fits or self._on_type_error == "fallback-to-string":
                set_value(message, name, value, kind if fits else "")
            elif self._on_type_error == "drop-message":
                return False
        return True

    def _split(self, text: bytes) -> list[bytes] | None:
        """Return the fields of a text without quotes; ``None`` is for the scanner."""
        if not self._is_simple or text.translate(None, self._opening) != text:
            return None
        most = len(self._columns)
        times = most - 1 if self._is_greedy else most
        fields = text.split(self._delimiters[0], times)
        rest = fields.pop() if len(fields) > times else None
        if rest is None and fields[-1] == b"":
            fields.pop()  # a delimiter at the end begins no field
        if self._strips:
            fields = [self._stripped(value) for value in fields]
        if self._is_greedy:
            if rest is not None:
                fields.append(self._stripped(rest) if self._strips else rest)
            elif len(fields) == most - 1:
                fields.append(b"")
        elif rest and self._is_strict:
            fields.append(b"")
        return fields

    def _scan(self, text: bytes) -> list[bytes]:
        """Return the fields of ``text``."""
        if not self._delimiters:
            return [text]
        fields: list[bytes] = []
        position, size = 0, len(text)
        most = len(self._columns) if self._columns else size + 2
        while len(fields) < most and position < size:
            if self._is_greedy and len(fields) == most - 1:
                rest = text[position:]
                fields.append(self._stripped(rest) if self._strips else rest)
                return fields
            value, position, is_last = self._field(text, position)
            fields.append(value)
            if is_last:
                break
        if self._is_greedy and len(fields) == most - 1:
            fields.append(b"")  # the last column takes what is left, even nothing
        if self._is_strict and position < size:
            fields.append(b"")  # there is more than there are columns
        return fields

    def _stripped(self, value: bytes) -> bytes:
        return value.lstrip(self._blank).rstrip(b" \t")

    def _field(self, text: bytes, position: int) -> tuple[bytes, int, bool]:
        """Return one field, where the next begins, and whether it was the last."""
        start = position
        if self._strips:
            start = len(text) - len(text[start:].lstrip(self._blank))
        closing = self._closing.get(text[start : start + 1])
        if closing is not None:
            value, position = self._quoted(text, start + 1, closing)
        else:
            value, position = b"", start
        match = self._delimiter.search(text, position)
        end = match.start() if match else len(text)
        value += text[position:end]
        if self._strips:
            value = self._stripped(value)
        return value, match.end() if match else end, match is None

    def _quoted(self, text: bytes, position: int, quote: bytes) -> tuple[bytes, int]:
        """Return the text up to the closing quote, and the place behind it."""
        pieces: list[bytes] = []
        escapes = self._dialect.startswith("escape-backslash")
        while position < len(text):
            char = text[position : position + 1]
            following = text[position + 1 : position + 2]
            if escapes and char == b"\\" and following:
                if self._dialect.endswith("sequences"):
                    following = _ESCAPES.get(following, following)
                pieces.append(following)
                position += 2
            elif char == quote:
                if self._dialect != "escape-double-char" or following != quote:
                    return b"".join(pieces), position + 1
                pieces.append(quote)
                position += 2
            else:
                pieces.append(char)
                position += 1
        return b"".join(pieces), position


def _quotes(options: CsvOptions) -> dict[bytes, bytes]:
    """Return closing quotes by opening quotes."""
    if options.quotes or "quotes" in options.given:
        return {char.encode(): char.encode() for char in options.quotes}
    pairs = options.quote_pairs.encode()
    return {
        pairs[index : index + 1]: pairs[index + 1 : index + 2]
        for index in range(0, len(pairs) - 1, 2)
    }


def _fits(value: bytes, kind: str) -> bool:
    """Tell whether ``value`` can be read as ``kind``."""
    try:
        if kind == "int":
            int(value)
        elif kind in {"double", "datetime"}:
            float(value)
    except ValueError:
        return False
    return kind != "boolean" or value.lower() in {b"true", b"false", b"1", b"0"}
