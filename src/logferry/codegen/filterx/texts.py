"""Functions of FilterX on texts. Letters change their case in ASCII only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import Failure, raw, text, type_name

__all__ = ["TEXTS"]

_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_SPACE = " \t\n\r\v\f"
_bad_percent = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Failure(f"a string is wanted, not {type_name(value)}")


def _data(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    return raw(_text(value))


def _lower(value: Any) -> str:
    known = _text(value)
    return known.lower() if known.isascii() else known.translate(_LOWER)


def _upper(value: Any) -> str:
    known = _text(value)
    return known.upper() if known.isascii() else known.translate(_UPPER)


def _str_replace(value: Any, old: Any, new: Any, count: Any = -1) -> str:
    if type(count) is not int:
        raise Failure("the number of replacements is an integer")
    if not _text(old):
        raise Failure("the text to replace is empty")
    return _text(value).replace(old, _text(new), count)


def _strcasecmp(left: Any, right: Any) -> int:
    first, second = raw(_lower(left)), raw(_lower(right))
    return (first > second) - (first < second)


# ---------------------------------------------------------------------------
# Searching


def _affix(test: Callable[[str, Any], bool]) -> Callable[[Call], Prepared]:
    """Return what prepares ``startswith`` and its like."""

    def prepare(call: Call) -> Prepared:
        folds = call.flag("ignorecase")
        limit = max(call.number_option("limit", 0), 0)

        def search(value: Any, needles: Any) -> bool:
            value = _text(value)
            if type(needles) is str:
                needles = (needles,)
            elif type(needles) in {list, tuple}:
                needles = tuple(_text(item) for item in needles)
            else:
                raise Failure(f"nothing is found by {type_name(needles)}")
            if limit:
                value = value[:limit]
            if folds:
                value = _lower(value)
                needles = tuple(map(_lower, needles))
            return test(value, needles)

        return Prepared(search, tuple(call.positional))

    return prepare


def _includes(value: str, needles: tuple[str, ...]) -> bool:
    return any(needle in value for needle in needles)


def _glob_match(value: Any, patterns: Any) -> bool:
    value = _text(value)
    if type(patterns) is str:
        patterns = [patterns]
    elif type(patterns) not in {list, tuple}:
        raise Failure(f"patterns are strings, not {type_name(patterns)}")
    return any(_glob(_text(pattern)).fullmatch(value) for pattern in patterns)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """Return a glob as an expression: no wildcard takes a slash or a first dot."""
    made = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        is_first = not at or pattern[at - 1] == "/"
        guard = r"(?!\.)" if is_first else ""
        end = pattern.find("]", at + 2) if char == "[" else -1
        if char == "*":
            made.append(guard + "[^/]*")
        elif char == "?":
            made.append(guard + "[^/]")
        elif end > 0:
            made.append(guard + "(?!/)" + translate(pattern[at : end + 1])[4:-3])
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            made.append(re.escape(pattern[at]))
        else:
            made.append(re.escape(char))
        at += 1
    return re.compile("".join(made), re.DOTALL)


# ---------------------------------------------------------------------------
# Encodings and digests


def _base64_decode(value: Any) -> bytes:
    try:
        return base64.b64decode(_data(value))
    except (binascii.Error, ValueError) as error:
        raise Failure(f"no base64: {error}") from None


def _hex_decode(value: Any) -> bytes:
    data = _data(value)
    try:
        return binascii.unhexlify(data)
    except (binascii.Error, ValueError) as error:
        raise Failure(f"no hexadecimal text: {error}") from None


def _urlencode(value: Any) -> str:
    return quote_from_bytes(_data(value), safe="")


def _urldecode(value: Any) -> str:
    value = _text(value)
    if _bad_percent.search(value):
        raise Failure("'%' without two hexadecimal digits")
    return text(unquote_to_bytes(raw(value)))


def _utf8_validate(value: Any) -> bool:
    try:
        _data(value).decode()
    except UnicodeDecodeError:
        return False
    return True


def _utf8_sanitize(value: Any) -> str:
    return _data(value).decode("utf-8", "backslashreplace")


def _hexdigest(name: str) -> Function:
    def digest(value: Any) -> str:
        return hashlib.new(name, _data(value), usedforsecurity=False).hexdigest()

    return Function(digest)


def _prepare_digest(call: Call) -> Prepared:
    name = call.text_option("alg", "sha256")
    try:
        is_fixed = hashlib.new(name, usedforsecurity=False).digest_size > 0
    except (ValueError, TypeError):
        is_fixed = False
    if not is_fixed:
        option = call.option("alg")
        call.fail(
            f"unknown algorithm '{name}'",
            option.span if option else None,
            "such as md5, sha1, sha256, sha512",
        )

    def digest(value: Any) -> bytes:
        return hashlib.new(name, _data(value), usedforsecurity=False).digest()

    return Prepared(digest, tuple(call.positional))


_AFFIX_OPTIONS = ("ignorecase", "limit")

TEXTS: dict[str, Function] = {
    "lower": Function(_lower),
    "upper": Function(_upper),
    "str_strip": Function(lambda value: _text(value).strip(_SPACE)),
    "str_lstrip": Function(lambda value: _text(value).lstrip(_SPACE)),
    "str_rstrip": Function(lambda value: _text(value).rstrip(_SPACE)),
    "str_replace": Function(_str_replace, 3, 4),
    "strcasecmp": Function(_strcasecmp, 2, 2),
    "startswith": Function(
        None, 2, 2, _AFFIX_OPTIONS, _affix(lambda value, items: value.startswith(items))
    ),
    "endswith": Function(
        None, 2, 2, _AFFIX_OPTIONS, _affix(lambda value, items: value.endswith(items))
    ),
    "includes": Function(None, 2, 2, _AFFIX_OPTIONS, _affix(_includes)),
    "glob_match": Function(_glob_match, 2, 2),
    "base64_encode": Function(lambda value: base64.b64encode(_data(value)).decode()),
    "base64_decode": Function(_base64_decode),
    "hex_encode": Function(lambda value: _data(value).hex()),
    "hex_decode": Function(_hex_decode),
    "urlencode": Function(_urlencode),
    "urldecode": Function(_urldecode),
    "utf8_validate": Function(_utf8_validate),
    "utf8_sanitize": Function(_utf8_sanitize),
    "digest": Function(None, 1, 1, ("alg",), _prepare_digest),
    **{name: _hexdigest(name) for name in ("md5", "sha1", "sha256", "sha512")},
}
"""Functions by name."""
