"""Functions of lists: ``$(list-append …)``, ``$(explode …)``, ``$(map …)``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import ANY, Plain, Special, take_options
from logferry.codegen.functions.text import emit_call
from logferry.codegen.lists import join_list, split_list
from logferry.codegen.patterns import PatternError, compile_pattern
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["LISTS"]


def _items(lists: Iterable[bytes]) -> list[bytes]:
    """Return the items of all lists; empty ones between commas do not count."""
    return [item for text in lists for item in split_list(text)]


def _concat(*lists: bytes) -> bytes:
    return join_list(_items(lists))


def _append(list_: bytes, *items: bytes) -> bytes:
    added = join_list(items)  # behind the list, which stays as it is
    return b",".join(part for part in (list_, added) if part)


def _count(*lists: bytes) -> bytes:
    return b"%d" % len(_items(lists))


def _head(*lists: bytes) -> bytes:
    return next(iter(_items(lists)), b"")


def _tail(*lists: bytes) -> bytes:
    return join_list(_items(lists)[1:])


def _nth(index: bytes, *lists: bytes) -> bytes:
    items = _items(lists)
    try:
        return items[int(index)]
    except (ValueError, IndexError):
        return b""


def _slice(where: bytes, *lists: bytes) -> bytes:
    first, _, last = where.partition(b":")
    try:
        bounds = slice(int(first) if first else None, int(last) if last else None)
    except ValueError:
        return b""
    return join_list(_items(lists)[bounds])


def _implode(separator: bytes, *lists: bytes) -> bytes:
    return separator.join(_items(lists))


def _explode(separator: bytes, *texts: bytes) -> bytes:
    if not separator:
        return join_list(texts)
    return join_list(part for text in texts if text for part in text.split(separator))


def _searcher(mode: str, pattern: str) -> Callable[[bytes], object]:
    literal = pattern.encode("utf-8", "surrogateescape")
    match mode:
        case "literal":
            return literal.__eq__
        case "prefix":
            return lambda item: item.startswith(literal)
        case "substring":
            return lambda item: literal in item
        case "glob":
            regex = fnmatch.translate(pattern).encode("utf-8", "surrogateescape")
            return re.compile(regex).match
        case "pcre":
            try:
                return compile_pattern(pattern, "pcre", frozenset()).search
            except PatternError as error:
                raise TemplateError(f"$(list-search): {error}") from error
        case _:
            raise TemplateError(f"$(list-search): unknown mode {mode}")


def _emit_search(function: Function, fields: Fields, context: MacroContext) -> str:
    options, rest = take_options(
        function, {}, {"--mode": "mode", "--start-index": "start"}
    )
    if len(rest.raw) < 1:
        raise TemplateError("$(list-search) needs a pattern")
    start = options.get("start", "0")
    if not start.isdigit():
        raise TemplateError("$(list-search): --start-index needs a number")
    is_found = _searcher(options.get("mode", "literal"), rest.raw[0])

    def search(*lists: bytes) -> bytes:
        for index, item in enumerate(_items(lists)):
            if index >= int(start) and is_found(item):
                return b"%d" % index
        return b""

    lists = Function(function.name, rest.arguments[1:], rest.raw[1:])
    return emit_call(lists, search, fields, context)


def _with_item(message: Message, function: Callable[[], bytes], item: bytes) -> bytes:
    """Call ``function`` with ``$_`` set to ``item``."""
    before = message.values.get("_")
    message.values["_"] = item
    try:
        return function()
    finally:
        if before is None:
            del message.values["_"]
        else:
            message.values["_"] = before


def _map(message: Message, function: Callable[[], bytes], *lists: bytes) -> bytes:
    return join_list(_with_item(message, function, item) for item in _items(lists))


def _filter(message: Message, test: Callable[[], bytes], *lists: bytes) -> bytes:
    return join_list(item for item in _items(lists) if _with_item(message, test, item))


def _iterate(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(iterate template start)``: the start, then what the last one gives."""
    from logferry.codegen.templates import emit_parts, message_only

    message_only(fields, "$(iterate) keeps its last value")
    if len(function.arguments) != 2:
        raise TemplateError("$(iterate) takes a template and a first value")
    last: list[bytes] = []

    def advance(message: Message, step: Callable[[], bytes], first: bytes) -> bytes:
        value = _with_item(message, step, last[0]) if last else first
        last[:] = [value]
        return value

    step = emit_parts(function.arguments[0], fields, context)
    first = emit_parts(function.arguments[1], fields, context)
    return f"{fields.constants.bind(advance, 'iterate')}(m, lambda: {step}, {first})"


def _emit_over_items(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(map template list)`` and ``$(filter condition list)``."""
    from logferry.codegen.conditions import emit_condition
    from logferry.codegen.templates import emit_parts, message_only

    message_only(fields, f"$({function.name}) sets $_")
    if len(function.arguments) < 1:
        raise TemplateError(f"$({function.name}) needs an argument")
    if function.name == "map":
        inner = emit_parts(function.arguments[0], fields, context)
        bound = fields.constants.bind(_map, "map_items")
    else:
        inner = emit_condition(function.raw[0], fields, context)
        bound = fields.constants.bind(_filter, "filter_items")
    lists = [emit_parts(parts, fields, context) for parts in function.arguments[1:]]
    return f"{bound}(m, {', '.join([f'lambda: {inner}', *lists])})"


LISTS: dict[str, Plain | Special] = {
    "list-concat": Plain(_concat, kind="list"),
    "list-append": Plain(_append, 1, ANY, kind="list"),
    "list-count": Plain(_count, kind="int"),
    "list-head": Plain(_head),
    "list-tail": Plain(_tail, kind="list"),
    "list-nth": Plain(_nth, 1),
    "list-slice": Plain(_slice, 1, kind="list"),
    "list-search": Special(_emit_search, kind="int"),
    "implode": Plain(_implode, 1),
    "explode": Plain(_explode, 1, kind="list"),
    "map": Special(_emit_over_items, kind="list"),
    "filter": Special(_emit_over_items, kind="list"),
    "iterate": Special(_iterate),
}
"""Functions of lists, by name."""
