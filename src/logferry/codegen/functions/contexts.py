"""Functions that ask: ``$(if …)``, ``$(grep …)``, ``$(tag …)``, ``$(env …)``."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from logferry.codegen.conditions import emit_condition
from logferry.codegen.correlated import earlier, emit_members
from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.lists import join_list
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["CONTEXTS", "earlier"]


def _emit_if(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.templates import emit_parts

    condition = _if_condition(function, fields, context)
    yes, no = (emit_parts(parts, fields, context) for parts in function.arguments[1:])
    return f"({yes} if {condition} else {no})"


def _emit_if_pair(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.typed import emit_pair

    condition = _if_condition(function, fields, context)
    yes, no = (
        emit_pair(parts, "", fields, context) for parts in function.arguments[1:]
    )
    return f"({yes} if {condition} else {no})"


def _if_condition(function: Function, fields: Fields, context: MacroContext) -> str:
    if len(function.arguments) != 3:
        raise TemplateError("$(if) takes a condition and two templates")
    return emit_condition(function.raw[0], fields, context)


def _join_with_comma(groups: Iterable[tuple[bytes, ...]]) -> bytes:
    return b",".join(itertools.chain.from_iterable(groups))


def _join_as_list(groups: Iterable[tuple[bytes, ...]]) -> bytes:
    return join_list(itertools.chain.from_iterable(groups))


def _emit_over_context(
    function: Function, fields: Fields, context: MacroContext
) -> str:
    """``$(grep)``, ``$(context-lookup)``, ``$(context-values)``."""
    from logferry.codegen.templates import emit_parts

    counts = {"-m": "most", "--max-count": "most"}
    options, rest = take_options(function, {}, counts)
    most = options.get("most", "")
    if most and not most.isdigit():
        raise TemplateError(f"$({function.name}): --max-count needs a number")
    condition, arguments = "", rest.arguments
    if function.name != "context-values":
        if len(arguments) < 2:
            raise TemplateError(f"$({function.name}) takes a condition and templates")
        condition = emit_condition(rest.raw[0], fields, context)
        arguments = arguments[1:]
    codes = [emit_parts(parts, fields, context) for parts in arguments]
    group = f"({', '.join(codes)},)"
    groups = emit_members(f"{group}", fields, context)
    if condition and groups.endswith(",)"):  # no message objects: just this line
        groups = f"(({group},) if {condition} else ())"
    elif condition:
        groups = f"{groups[:-1]} if {condition})"
    if most:
        take = fields.constants.bind(itertools.islice, "first")
        groups = f"{take}({groups}, {int(most)})"
    join = _join_with_comma if function.name == "grep" else _join_as_list
    return f"{fields.constants.bind(join, function.name)}({groups})"


def _emit_context_length(
    function: Function, fields: Fields, context: MacroContext
) -> str:
    del function
    correlated = context.correlated
    length = fields.constants.bind(
        lambda: b"%d" % (len(correlated) or 1), "context_length"
    )
    return f"{length}()"


def _emit_tag(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.templates import emit_parts

    if not 1 <= len(function.arguments) <= 3:
        raise TemplateError("$(tag) takes a tag and two values")
    tag = emit_parts(function.arguments[0], fields, context)
    values = [emit_parts(parts, fields, context) for parts in function.arguments[1:]]
    present = values[0] if values else 'b"1"'
    absent = values[1] if len(values) > 1 else 'b"0"'
    return f"({present} if {tag} in {fields.value_of_tags()} else {absent})"


def _emit_tags_head(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.templates import emit_parts

    tags = [emit_parts(parts, fields, context) for parts in function.arguments]

    def tags_head(present: Iterable[bytes], *wanted: bytes) -> bytes:
        found = frozenset(present)
        return next((tag for tag in wanted if tag in found), b"")

    name = fields.constants.bind(tags_head, "tags_head")
    return f"{name}({', '.join([fields.value_of_tags(), *tags])})"


def _emit_template(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(template name)``: a named template; further arguments are the fallback."""
    from logferry.codegen.template_text import parse_template
    from logferry.codegen.templates import emit_parts

    if not function.raw:
        raise TemplateError("$(template) needs a name")
    name = function.raw[0]
    if "$" in name:
        return _emit_named_by_template(function, fields, context)
    named = context.templates.get(name)
    if named is None:
        raise TemplateError(f"$(template): unknown template '{name}'")
    return emit_parts(parse_template(named.text), fields, context)


def _emit_named_by_template(
    function: Function, fields: Fields, context: MacroContext
) -> str:
    from logferry.codegen.template_text import parse_template
    from logferry.codegen.templates import emit_parts

    name = emit_parts(function.arguments[0], fields, context)
    fallback = [emit_parts(parts, fields, context) for parts in function.arguments[1:]]
    space = ' + b" " + '
    code = space.join(fallback) if fallback else 'b""'
    for key, template in context.templates.items():
        known = fields.constants.bind(key.encode(), f"template_{key}")
        text = emit_parts(parse_template(template.text), fields, context)
        code = f"({text} if {name} == {known} else {code})"
    return code


def _emit_env(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(env NAME)``: read once, as the environment of a process stays as it is."""
    del context
    text = b" ".join(
        os.environb.get(name.encode("utf-8", "surrogateescape"), b"")
        for name in function.raw
    )
    return fields.constants.bind(text, "environment")


CONTEXTS: dict[str, Plain | Special] = {
    "if": Special(_emit_if, "pair", _emit_if_pair),
    "grep": Special(_emit_over_context),
    "context-lookup": Special(_emit_over_context, "list"),
    "context-values": Special(_emit_over_context, "list"),
    "context-length": Special(_emit_context_length, "int"),
    "tag": Special(_emit_tag),
    "tags-head": Special(_emit_tags_head),
    "template": Special(_emit_template),
    "env": Special(_emit_env),
}
"""Functions that ask, by name."""
