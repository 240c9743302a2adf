"""
Rewrites: ``set()``, ``subst()`` and the rest, as options and as source.

``emit_rewrite`` adds statements that change the message at hand. The *slices* form
only has ``set()`` and ``subst()`` of strings: a changed field is a new local variable
there. A replacement that mentions ``$1`` or a named group keeps the match in the
message; any other leaves no trace but the new text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from logferry.codegen.emit import hint_of
from logferry.codegen.fields import (
    Fields,
    MessageFields,
    Unsupported,
    store_match,
)
from logferry.codegen.filters import emit_filter
from logferry.codegen.patterns import Pattern, PatternError, compile_pattern
from logferry.codegen.rewrites.on_message import (
    ON_VALUE,
    fix_time_zone,
    group_set,
    group_unset,
    guess_time_zone,
    hash_card_numbers,
    mask_card_numbers,
    rename,
    set_pair,
    set_time_zone,
    unset,
    unset_matches,
)
from logferry.codegen.rewrites.options import (
    CreditCardOptions,
    GroupOptions,
    GuessZoneOptions,
    NamesOptions,
    RewriteOptions,
    SetOptions,
    SubstOptions,
    TemplateRewriteOptions,
    ZoneOptions,
)
from logferry.codegen.template_text import Function, Macro, Part, parse_template
from logferry.codegen.templates import emit_parts
from logferry.codegen.typed import emit_pair, static_kind
from logferry.codegen.values import SETTABLE, get_value, set_value

if TYPE_CHECKING:
    from logferry.codegen.emit import SourceWriter
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Spec, TemplateText
    from logferry.config.schema import Options
    from logferry.message.model import Message

__all__ = ["REWRITES", "emit_rewrite"]

REWRITES: dict[str, type[Options]] = {
    "set": SetOptions,
    "subst": SubstOptions,
    "set-tag": TemplateRewriteOptions,
    "clear-tag": TemplateRewriteOptions,
    "set-severity": TemplateRewriteOptions,
    "set-level": TemplateRewriteOptions,
    "set-facility": TemplateRewriteOptions,
    "set-pri": TemplateRewriteOptions,
    "set-matches": TemplateRewriteOptions,
    "unset-matches": RewriteOptions,
    "unset": NamesOptions,
    "rename": NamesOptions,
    "groupset": GroupOptions,
    "groupunset": GroupOptions,
    "set-time-zone": ZoneOptions,
    "fix-time-zone": ZoneOptions,
    "guess-time-zone": GuessZoneOptions,
    "credit-card-mask": CreditCardOptions,
    "credit-card-hash": CreditCardOptions,
}
"""Rewrite operations by name."""

_STAMPS = {"stamp": "stamp", "recvd": "received"}


def emit_rewrite(
    spec: Spec, fields: Fields, context: MacroContext, out: SourceWriter
) -> None:
    """Add the statements of one rewrite. Raises like ``emit_filter``."""
    options = cast("RewriteOptions", spec.options)
    if options.condition is None:
        _emit(spec, fields, context, out)
        return
    if not isinstance(fields, MessageFields):
        raise Unsupported(f"{spec.kind}() with a condition changes messages")
    condition = emit_filter(options.condition, fields, context)
    with out.block(f"if {condition}:"):
        _emit(spec, fields, context, out)


def _emit(spec: Spec, fields: Fields, context: MacroContext, out: SourceWriter) -> None:
    options = spec.options
    if isinstance(options, SetOptions):
        _emit_set(options, fields, context, out)
    elif isinstance(options, SubstOptions):
        _emit_subst(options, fields, context, out)
    elif isinstance(fields, MessageFields):
        out.line(_call_on_message(spec, fields, context))
    else:
        raise Unsupported(f"{spec.kind}() changes messages")


def _emit_set(
    options: SetOptions, fields: Fields, context: MacroContext, out: SourceWriter
) -> None:
    name = options.value.removeprefix("$")
    parts = parse_template(options.template.text)
    kind = static_kind(parts, options.template.hint, fields, context)
    if kind == "" or name in SETTABLE:
        fields.assign(name, emit_parts(parts, fields, context), out)
        return
    if not isinstance(fields, MessageFields):
        raise Unsupported(f"set() of {name} keeps a type")
    pair = emit_pair(parts, options.template.hint, fields, context)
    key = fields.constants.bind(name, f"name_{name.strip('.')}")
    out.line(f"{fields.constants.bind(set_pair, 'set_typed')}(m, {key}, {pair})")


def _template(template: TemplateText, fields: Fields, context: MacroContext) -> str:
    return emit_parts(parse_template(template.text), fields, context)


# -- subst ----------------------------------------------------------------------


def _emit_subst(
    options: SubstOptions, fields: Fields, context: MacroContext, out: SourceWriter
) -> None:
    if options.type == "glob":
        raise PatternError("subst() cannot replace what a glob matches")
    pattern = compile_pattern(options.texts[0], options.type, options.flags)
    name = options.value.removeprefix("$")
    parts = parse_template(options.texts[1])
    is_global = "global" in options.flags
    if _mentions_groups(parts, pattern):
        if not isinstance(fields, MessageFields):
            raise Unsupported("subst() with groups keeps matches in messages")
        replacement = emit_parts(parts, fields, context)
        run = _substitution_with_groups(pattern.regex, is_global=is_global)
        call = fields.constants.bind(run, "substitute_groups")
        key = fields.constants.bind(name, f"name_{name.strip('.')}")
        out.line(f"{call}(m, {key}, lambda: {replacement})")
        return
    replacement = emit_parts(parts, fields, context)
    value = fields.value(name)
    makes_values = pattern.search(b"") is not None
    if not (makes_values or name in SETTABLE or isinstance(fields, MessageFields)) and (
        name not in getattr(fields, "changed", ())
    ):
        return  # a line has no such value
    if pattern.how != "regex":
        code = _literal_subst(pattern, value, replacement, fields, is_global=is_global)
    else:
        substitute = _substitution(pattern.regex, is_global=is_global)
        bound = fields.constants.bind(substitute, "substitute")
        code = f"{bound}(lambda _: {replacement}, {value})"
    if name in {"PROGRAM", "PID"}:
        if not isinstance(fields, MessageFields):
            raise Unsupported(
                f"subst() of {name} changes the header only if it matches"
            )
        out.line(f"new_text = {code}")
        with out.block(f"if new_text != {value}:"):
            fields.assign(name, "new_text", out)
        return
    if makes_values or name in SETTABLE or not isinstance(fields, MessageFields):
        fields.assign(name, code, out)
        return
    key = fields.constants.bind(name, f"name_{name.strip('.')}")
    with out.block(f"if {key} in m.values:"):
        # A number in which nothing is replaced stays one.
        out.line(f"new_text = {code}")
        with out.block(f"if new_text != {value}:"):
            fields.assign(name, "new_text", out)


def _mentions_groups(parts: tuple[Part, ...], pattern: Pattern) -> bool:
    """Tell whether a replacement looks at what was matched."""
    names = {"*"} | set(getattr(pattern.regex, "groupindex", None) or ())
    for part in parts:
        if isinstance(part, Macro) and (part.name.isdigit() or part.name in names):
            return True
        if isinstance(part, Function):
            if any(_mentions_groups(inner, pattern) for inner in part.arguments):
                return True
            if any(re.search(r"\$\{?\d", word) for word in part.raw):
                return True
    return False


def _substitution(
    regex: Any, *, is_global: bool
) -> Callable[[Callable[[Any], bytes], bytes], bytes]:
    """Return ``sub`` of the pattern, with the reference's rules for empty matches."""
    substitute = regex.sub
    if not is_global:
        return lambda replace, text: substitute(replace, text, 1)
    if regex.search(b"") is None:
        return lambda replace, text: substitute(replace, text, 0)

    def apply(replace: Callable[[Any], bytes], text: bytes) -> bytes:
        is_first = True

        def once(match: Any) -> bytes:
            # Nothing is matched at the very end, unless it is the only match.
            nonlocal is_first
            at_end = match.start() == match.end() == len(text)
            result = b"" if at_end and not is_first else replace(match)
            is_first = False
            return result

        result: bytes = substitute(once, text, 0)
        return result

    return apply


def _substitution_with_groups(
    regex: Any, *, is_global: bool
) -> Callable[[Message, str, Callable[[], bytes]], None]:
    run = _substitution(regex, is_global=is_global)

    def apply(message: Message, name: str, replacement: Callable[[], bytes]) -> None:
        def replace(match: Any) -> bytes:
            store_match(message, match)
            return replacement()

        old = get_value(message, name)
        new = run(replace, old)
        if new != old:
            set_value(message, name, new)

    return apply


def _literal_subst(
    pattern: Pattern, value: str, replacement: str, fields: Fields, *, is_global: bool
) -> str:
    literal = fields.constants.bind(pattern.literal, hint_of(pattern.literal))
    match pattern.how:
        case "equal":
            return f"({replacement} if {value} == {literal} else {value})"
        case "prefix":
            rest = f"{value}[{len(pattern.literal)}:]"
            test = f"{value}.startswith({literal})"
            return f"({replacement} + {rest} if {test} else {value})"
        case _:
            limit = "" if is_global else ", 1"
            return f"{value}.replace({literal}, {replacement}{limit})"


# -- the others -----------------------------------------------------------------


def _call_on_message(spec: Spec, fields: MessageFields, context: MacroContext) -> str:
    options, bind = spec.options, fields.constants.bind
    kind = spec.kind.replace("set-level", "set-severity")
    hint = kind.replace("-", "_")
    match options:
        case ZoneOptions():
            zone = _template(options.template, fields, context)
            function = set_time_zone if kind == "set-time-zone" else fix_time_zone
            return f'{bind(function, hint)}(m, "{_STAMPS[options.time_stamp]}", {zone})'
        case GuessZoneOptions():
            which = _STAMPS[options.time_stamp]
            return f'{bind(guess_time_zone, hint)}(m, "{which}")'
        case TemplateRewriteOptions():
            value = _template(options.template, fields, context)
            return f"{bind(ON_VALUE[kind], hint)}(m, {value})"
        case NamesOptions():
            given = options.names or (options.value,)
            plain = tuple(name.removeprefix("$") for name in given)
            function_of_names = rename if kind == "rename" else unset
            if kind == "rename" and len(plain) != 2:
                raise PatternError("rename() takes the old and the new name")
            names = bind(plain, hint_of(" ".join(plain).encode(), "names"))
            return f"{bind(function_of_names, hint)}(m, *{names})"
        case GroupOptions():
            patterns = bind(options.values, "name_patterns")
            if kind == "groupunset":
                return f"{bind(group_unset, hint)}(m, {patterns})"
            value = _template(options.template, fields, context)
            return f"{bind(group_set, hint)}(m, {patterns}, {value})"
        case CreditCardOptions():
            change = mask_card_numbers if kind.endswith("mask") else hash_card_numbers
            return _call_on_text(change, options.value, hint, fields)
        case _:
            return f"{bind(unset_matches, hint)}(m)"


def _call_on_text(
    change: Callable[[bytes], bytes], name: str, hint: str, fields: MessageFields
) -> str:
    def apply(message: Message, key: str) -> None:
        old = get_value(message, key)
        if old and (new := change(old)) != old:
            set_value(message, key, new)

    key = fields.constants.bind(name.removeprefix("$"), f"name_{name.strip('$.')}")
    return f"{fields.constants.bind(apply, hint)}(m, {key})"
