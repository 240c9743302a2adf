"""
``kv-parser()`` and ``linux-audit-parser()``: ``name=value`` pairs.

A name is the word before the separator; a value is quoted (with ``\\`` escapes) or
runs to the next pair separator or the next name. Words before the first name, or
between a quoted value and the next name, are stray.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logferry.codegen.lists import join_list
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.values import Names, set_value, set_values
from logferry.config.kinds import TextKind
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["AuditOptions", "KvOptions", "KvScanner", "make_audit", "make_kv"]

_escape = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_in_name = re.compile(r"[A-Za-z0-9_.\-]")
_hex = re.compile(rb"(?:[0-9A-Fa-f]{2})+")

# Fields of audit records that the kernel writes in hex when they hold odd bytes
# (auditd's list of untrusted strings).
_AUDIT_ENCODED = frozenset(
    b"acct cmd comm cwd data dir exe file grp host key name new-disk new-fs new_group "
    b"old-disk old-fs ocomm path proctitle root_dir sw vm watch".split()
)
_AUDIT_NUMBERED = re.compile(rb"a\d+")


class KvOptions(ParserOptions):
    """``kv-parser()``."""

    title = "parser kv-parser"

    prefix = Option(TextKind(), "", doc="Put before every name.")
    value_separator = Option(TextKind(), "=", doc="Between a name and its value.")
    pair_separator = Option(TextKind(), ", ", doc="Between two pairs.")
    extract_stray_words_into = Option(
        TextKind(), "", doc="Where words go that belong to no pair."
    )


class AuditOptions(ParserOptions):
    """``linux-audit-parser()``."""

    title = "parser linux-audit-parser"

    prefix = Option(TextKind(), ".auditd.", doc="Put before every name.")


def make_kv(options: KvOptions, context: MacroContext) -> ParserFunction:
    """Return the parser."""
    del context
    scan = KvScanner(options.value_separator, options.pair_separator)
    prefix, stray_name = options.prefix, options.extract_stray_words_into
    plain, names = _Plain(options), Names(prefix)

    def parse(message: Message, text: bytes) -> bool:
        pairs = plain(text)
        if pairs is not None:
            set_values(message, {names[name]: a or b for name, a, b in pairs})
            if stray_name:
                set_value(message, stray_name, b"")
            return True
        stray: list[bytes] = []
        for name, value, _ in scan(text, stray):
            set_value(message, prefix + _text(name), value)
        if stray_name:
            set_value(message, stray_name, join_list(stray))
        return True

    return parse


def make_audit(options: AuditOptions, context: MacroContext) -> ParserFunction:
    """Return the parser of Linux audit records."""
    del context
    scan = KvScanner("=", "")

    def parse(message: Message, text: bytes) -> bool:
        for name, value, is_quoted in scan(text, []):
            is_hex = not is_quoted and _is_encoded(name) and _hex.fullmatch(value)
            plain = _from_hex(value) if is_hex else value
            set_value(message, options.prefix + _text(name), plain)
        return True

    return parse


def _is_encoded(name: bytes) -> bool:
    return name in _AUDIT_ENCODED or _AUDIT_NUMBERED.fullmatch(name) is not None


def _from_hex(value: bytes) -> bytes:
    """
    Decode hex, if it is any.

    The kernel writes hex only where a text holds a space, a quote or a control
    character; digits that give none of these, or no UTF-8, were written as they are.
    """
    plain = bytes.fromhex(value.decode())
    try:
        plain.decode()
    except UnicodeDecodeError:
        return value
    is_odd = any(code <= 32 or code >= 127 or code == 34 for code in plain)
    return plain.replace(b"\0", b"\t") if is_odd else value


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return _ESCAPES.get(match[1], match[1])


class _Plain:
    """
    Pairs of a text in which nothing needs a second look.

    Words on both sides of each separator, values in double quotes without anything
    escaped, and between two pairs one space or the pair separator: so most programs
    write, and the scanner finds the same.
    """

    def __init__(self, options: KvOptions) -> None:
        separator = re.escape(options.value_separator.encode())
        pair = re.escape(options.pair_separator.encode())
        between = rb"(?: (?! )|" + pair + rb")" if pair else rb" (?! )"
        odd = re.escape((options.value_separator + options.pair_separator).encode())
        name = rb"([A-Za-z0-9_.\-]++)" + separator
        value = rb"(?:\"([^\"\\]*+)\"|([^\s\"'\\" + odd + rb"]*+))"
        one = name + value
        whole = one + rb"(?>(?:" + between + one + rb")*)"
        if _in_name.search(options.value_separator + options.pair_separator):
            whole = rb"(?!)"  # a separator that could be of a name: never plain
        self._whole = re.compile(whole).fullmatch
        self._all = re.compile(one).findall

    def __call__(self, text: bytes) -> list[tuple[bytes, bytes, bytes]] | None:
        """Return name and value, quoted or not; ``None`` for the scanner."""
        return self._all(text) if self._whole(text) else None


class KvScanner:
    """Finds pairs from left to right."""

    def __init__(self, value_separator: str, pair_separator: str) -> None:
        separator = re.escape(value_separator.encode())
        pair = re.escape(pair_separator.encode())
        # Only at the beginning of a word: a long one must not be tried in each place.
        name = rb"(?<![A-Za-z0-9_.\-])[A-Za-z0-9_.\-]++"
        # A value ends before a pair separator, or before the name of the next pair.
        # Spaces are tried at their first only, so that many of them cost little.
        ends = [rb"(?<! ) ++(?=" + name + rb" *+" + separator + rb")", rb" *+\Z"]
        if pair.strip(b"\\ "):
            ends.insert(0, pair)
        self._end = re.compile(b"|".join(ends))
        another = name + rb" *+" + separator
        skip = rb"(?: ++(?!" + another + rb"))?"
        self._name = re.compile(rb"(" + name + rb") *+" + separator + skip)
        self._quoted = re.compile(
            rb"\"((?>(?:[^\"\\]|\\.)*))\"|'((?>(?:[^'\\]|\\.)*))'"
        )

    def __call__(
        self, text: bytes, stray: list[bytes]
    ) -> Iterator[tuple[bytes, bytes, bool]]:
        """Yield name, value and whether it was quoted; other words go to ``stray``."""
        position, size = 0, len(text)
        while position < size:
            name = self._name.search(text, position)
            words = text[position : name.start() if name else size].split()
            stray.extend(words)
            if name is None:
                return
            start = name.end()
            quoted = self._quoted.match(text, start)
            if quoted is not None:
                behind = self._end.match(text, quoted.end())
                if behind is not None or text[quoted.end() : quoted.end() + 1] == b" ":
                    value = quoted[1] if quoted[1] is not None else quoted[2]
                    yield name[1], _escape.sub(_unescaped, value), True
                    position = behind.end() if behind else quoted.end()
                    continue
            end = self._end.search(text, start)
            assert end is not None  # at the latest, the end of the text
            yield name[1], text[start : end.start()], False
            position = end.end()
