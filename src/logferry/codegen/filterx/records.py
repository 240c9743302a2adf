"""Functions of FilterX that take texts of records apart and write them: CSV, pairs."""

from __future__ import annotations

import re
from typing import Any

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import (
    UNSET,
    Failure,
    raw,
    text,
    text_of,
    type_name,
)
from logferry.codegen.parsers.csv import DIALECTS, CsvOptions, CsvReader
from logferry.codegen.parsers.kv import KvScanner

__all__ = ["RECORDS", "quoted"]

_unsafe = re.compile(r'[\x00-\x1f\\"]')
_unsafe_single = re.compile(r"[\x00-\x1f\\']")
_ESCAPED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_word_char = re.compile(r"[A-Za-z0-9_.\-]")


def quoted(value: str, quote: str = '"') -> str:
    """Return ``value`` in quotes, with escapes."""
    unsafe = _unsafe_single if quote == "'" else _unsafe

    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if char in {quote, "\\"}:
            return "\\" + char
        return _ESCAPED.get(char) or f"\\x{ord(char):02x}"

    return quote + unsafe.sub(escape, value) + quote


def _data(value: Any) -> bytes:
    if type(value) is str:
        return raw(value)
    raise Failure(f"a string is wanted, not {type_name(value)}")


def _single(call: Call, name: str, default: str) -> str:
    """Return an option that must be one character."""
    found = call.text_option(name, default)
    if len(found) != 1:
        option = call.option(name)
        assert option is not None
        call.fail(f"{name}= must be one character", option.span)
    return found


# ---------------------------------------------------------------------------
# CSV


def _prepare_parse_csv(call: Call) -> Prepared:
    dialect = call.text_option("dialect", "escape-none")
    if dialect not in DIALECTS:
        option = call.option("dialect")
        assert option is not None
        known = "expected " + ", ".join(DIALECTS)
        call.fail(f"unknown dialect '{dialect}'", option.span, known)
    pairs = call.option("quote_pairs")
    quotes = "\"\"''"
    if pairs is not None:
        items = call.texts(pairs.value, "quote_pairs")
        if any(len(item) not in {1, 2} for item in items):
            call.fail("quote_pairs= are of one or two characters", pairs.span)
        quotes = "".join(item * 2 if len(item) == 1 else item for item in items)
    flags = {name for name in ("greedy", "strip_whitespace") if call.flag(name)}
    characters = call.text_option("delimiter", ",")
    readers: dict[tuple[int, tuple[str, ...]], CsvReader] = {}

    def reader_of(count: int, strings: tuple[str, ...]) -> CsvReader:
        key = count, strings
        found = readers.get(key)
        if found is None:
            if len(readers) >= _READERS_MAX:
                readers.clear()
            delimiters = sorted((*strings, *characters), key=len, reverse=True)
            options = CsvOptions(
                {
                    "columns": tuple((str(index), "") for index in range(count)),
                    "delimiters": tuple(delimiters),
                    "dialect": dialect,
                    "quote_pairs": quotes,
                    "flags": frozenset(name.replace("_", "-") for name in flags),
                },
                {"flags": call.node.span},
            )
            found = readers[key] = CsvReader(options)
        return found

    def parse_csv(value: Any, columns: Any = UNSET, string_delimiters: Any = ()) -> Any:
        data = _data(value)
        strings = tuple(_texts(string_delimiters, "string_delimiters"))
        if columns is UNSET:
            return [text(item) for item in reader_of(0, strings).fields(data)]
        names = _texts(columns, "columns")
        fields = reader_of(len(names), strings).fields(data)
        return dict(zip(names, map(text, fields), strict=False))

    keywords = {
        name: option.value
        for name in ("columns", "string_delimiters")
        if (option := call.option(name)) is not None
    }
    return Prepared(parse_csv, (call.positional[0],), keywords)


_READERS_MAX = 64


def _texts(value: Any, what: str) -> list[str]:
    if type(value) in {list, tuple} and all(type(item) is str for item in value):
        return list(value)
    raise Failure(f"{what} is a list of strings")


def _prepare_format_csv(call: Call) -> Prepared:
    delimiter = _single(call, "delimiter", ",")

    def format_csv(value: Any, columns: Any = UNSET, default_value: Any = "") -> str:
        if isinstance(value, dict):
            if columns is UNSET:
                items = list(value.values())
            else:
                items = [
                    value.get(name, default_value)
                    for name in _texts(columns, "columns")
                ]
        elif type(value) in {list, tuple}:
            items = list(value)
        else:
            raise Failure(f"format_csv() takes a dict or list, not {type_name(value)}")
        texts = map(text_of, items)
        return delimiter.join(
            quoted(item) if delimiter in item else item for item in texts
        )

    keywords = {
        name: option.value
        for name in ("columns", "default_value")
        if (option := call.option(name)) is not None
    }
    return Prepared(format_csv, (call.positional[0],), keywords)


# ---------------------------------------------------------------------------
# Pairs


def _prepare_parse_kv(call: Call) -> Prepared:
    separator = call.text_option("value_separator", "=")[:1]
    option = call.option("value_separator")
    if not separator or _word_char.match(separator) or separator in " '\"":
        call.fail("this cannot be a value_separator=", option.span if option else None)
    pair_separator = call.text_option("pair_separator", ", ")
    stray_key = call.text_option("stray_words_key", "")
    appends = call.flag("stray_words_append_to_value") and not stray_key
    scan = KvScanner(separator, pair_separator)

    def parse_kv(value: Any) -> dict[str, str]:
        stray: list[bytes] = []
        found: dict[str, str] = {}
        last, known = "", 0
        for name, item, _ in scan(_data(value), stray):
            if appends and last and len(stray) > known:
                found[last] += " " + text(b" ".join(stray[known:]))
            known = len(stray)
            last = text(name)
            found[last] = text(item)
        if appends and last and len(stray) > known:
            found[last] += " " + text(b" ".join(stray[known:]))
        if stray_key:
            found[stray_key] = text(b",".join(stray))
        return found

    return Prepared(parse_kv, (call.positional[0],))


def _prepare_format_kv(call: Call) -> Prepared:
    separator = _single(call, "value_separator", "=")
    pair_separator = call.text_option("pair_separator", ", ")
    quote = _single(call, "quote_char", '"')
    always = call.flag("always_quote")

    def format_kv(value: Any) -> str:
        if not isinstance(value, dict):
            raise Failure(f"format_kv() takes a dict, not {type_name(value)}")
        pairs = []
        for key, item in value.items():
            if isinstance(item, dict) or type(item) is list:
                continue
            shown = text_of(item)
            if always or " " in shown:
                shown = quoted(shown, quote)
            pairs.append(f"{key}{separator}{shown}")
        return pair_separator.join(pairs)

    return Prepared(format_kv, (call.positional[0],))


RECORDS: dict[str, Function] = {
    "parse_csv": Function(
        None,
        1,
        1,
        (
            "columns",
            "delimiter",
            "string_delimiters",
            "dialect",
            "strip_whitespace",
            "greedy",
            "quote_pairs",
        ),
        _prepare_parse_csv,
    ),
    "format_csv": Function(
        None, 1, 1, ("columns", "delimiter", "default_value"), _prepare_format_csv
    ),
    "parse_kv": Function(
        None,
        1,
        1,
        (
            "value_separator",
            "pair_separator",
            "stray_words_key",
            "stray_words_append_to_value",
        ),
        _prepare_parse_kv,
    ),
    "format_kv": Function(
        None,
        1,
        1,
        ("value_separator", "pair_separator", "quote_char", "always_quote"),
        _prepare_format_kv,
    ),
}
"""Functions by name."""
