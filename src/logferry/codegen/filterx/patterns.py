"""Functions of FilterX with regular expressions; the patterns are literals."""

from __future__ import annotations

import re
from typing import Any

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import Failure, raw, text, type_name
from logferry.codegen.patterns import Pattern, PatternError, compile_pattern

__all__ = ["PATTERNS"]

_reference = re.compile(r"\\(\\|[0-9]{1,3})")


def _compiled(call: Call, index: int, flags: set[str]) -> Pattern:
    pattern = call.text(index, "the pattern")
    try:
        return compile_pattern(pattern, "pcre", frozenset({"store-matches", *flags}))
    except (PatternError, ValueError, re.error) as error:
        call.fail(f"the pattern does not compile: {error}", call.positional[index].span)
        raise


def _data(value: Any) -> bytes:
    if type(value) is str:
        return raw(value)
    raise Failure(f"a pattern searches a string, not {type_name(value)}")


def _prepare_search(call: Call) -> Prepared:
    pattern = _compiled(call, 1, set())
    search = pattern.search
    keeps_zero = call.flag("keep_zero")
    as_list = call.flag("list_mode")

    def as_dict(match: Any) -> dict[str, str]:
        names = {number: name for name, number in match.re.groupindex.items()}
        first = 0 if keeps_zero or not match.re.groups else 1
        plain: dict[str, str] = {}
        named: dict[str, str] = {}
        for number in range(first, match.re.groups + 1):
            value = match[number]
            if value is not None:
                name = names.get(number)
                (plain if name is None else named)[name or str(number)] = text(value)
        return plain | named

    def of_list(match: Any) -> list[str | None]:
        first = 0 if keeps_zero or not match.re.groups else 1
        groups = [match[number] for number in range(first, match.re.groups + 1)]
        return [None if item is None else text(item) for item in groups]

    def regexp_search(value: Any) -> Any:
        match = search(_data(value))
        if match is None:
            return [] if as_list else {}
        return of_list(match) if as_list else as_dict(match)

    return Prepared(regexp_search, (call.positional[0],))


def _prepare_subst(call: Call) -> Prepared:
    flags = set()
    if call.flag("ignorecase"):
        flags.add("icase")
    if call.flag("newline"):
        flags.add("newline")
    if call.flag("utf8"):
        flags.add("utf8")
    call.flag("jit")
    pattern = _compiled(call, 1, flags)
    count = 0 if call.flag("global") else 1
    has_groups = call.flag("groups", default=True)
    substitute = pattern.regex.sub

    def regexp_subst(value: Any, replacement: Any) -> str:
        if type(replacement) is not str:
            raise Failure(f"the replacement is a string, not {type_name(replacement)}")
        if has_groups and "\\" in replacement:

            def put(match: Any) -> bytes:
                return raw(_reference.sub(lambda m: _group(match, m[1]), replacement))

        else:
            fixed = raw(replacement)

            def put(match: Any) -> bytes:
                del match
                return fixed

        return text(substitute(put, _data(value), count))

    return Prepared(regexp_subst, (call.positional[0], call.positional[2]))


def _group(match: Any, reference: str) -> str:
    if reference == "\\":
        return "\\"
    number = int(reference)
    return text(match[number] or b"") if number <= match.re.groups else ""


PATTERNS: dict[str, Function] = {
    "regexp_search": Function(None, 2, 2, ("keep_zero", "list_mode"), _prepare_search),
    "regexp_subst": Function(
        None,
        3,
        3,
        ("global", "groups", "ignorecase", "jit", "newline", "utf8"),
        _prepare_subst,
    ),
}
"""Functions by name."""
