"""
Rewrites: ``set()``, ``subst()`` and the rest, as options and as source.

``emit_rewrite`` adds statements that change the message at hand. The *slices* form
only has ``set()`` and ``subst()``: a changed field is a new local variable there.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from logferry.codegen.fields import Fields, MessageFields, Unsupported
from logferry.codegen.filters import emit_filter
from logferry.codegen.patterns import FLAGS, Pattern, compile_pattern
from logferry.codegen.template_text import parse_template
from logferry.codegen.templates import emit_template, pieces_of
from logferry.config.filters import Condition
from logferry.config.kinds import Enum, Flags, Template, TextKind, Words
from logferry.config.nodes import NOWHERE, FilterExpression, Spec, TemplateText
from logferry.config.schema import Option, Options
from logferry.syslog.names import FACILITIES, SEVERITIES

if TYPE_CHECKING:
    from logferry.codegen.emit import SourceWriter
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["REWRITES", "emit_rewrite"]

_NO_TEMPLATE = TemplateText("", NOWHERE)


class RewriteOptions(Options):
    """What every rewrite has."""

    condition = Option[FilterExpression | None](
        Condition(), None, doc="Do it only for messages that pass this filter."
    )


class TemplateRewriteOptions(RewriteOptions):
    """A rewrite that takes one template."""

    template = Option[TemplateText](
        Template(), _NO_TEMPLATE, doc="The new value.", positional=True, required=True
    )


class SetOptions(TemplateRewriteOptions):
    """``set()``."""

    title = "rewrite set"

    value = Option(TextKind("a name"), "MESSAGE", doc="What is set.")


class SubstOptions(RewriteOptions):
    """``subst()``."""

    title = "rewrite subst"

    texts = Option(
        Words("a pattern and its replacement", minimum=2),
        ("", ""),
        doc="What is searched, and the template that takes its place.",
        positional=True,
        required=True,
    )
    value = Option(TextKind("a name"), "MESSAGE", doc="Where it is replaced.")
    type = Option(
        Enum(("pcre", "string", "glob", "posix")), "pcre", doc="The kind of pattern."
    )
    flags = Option(Flags(FLAGS), frozenset[str](), doc="How it is matched.")


class NamesOptions(RewriteOptions):
    """``rename()``, ``unset()``."""

    names = Option(Words(), (), doc="Old and new name.", positional=True)
    value = Option(TextKind("a name"), "", doc="What is unset.")


class GroupOptions(RewriteOptions):
    """``groupset()``, ``groupunset()``."""

    template = Option[TemplateText](
        Template(), _NO_TEMPLATE, doc="The new value.", positional=True
    )
    values = Option(Words(minimum=1), (), doc="Patterns of names.", required=True)


REWRITES: dict[str, type[Options]] = {
    "set": SetOptions,
    "subst": SubstOptions,
    "set-tag": TemplateRewriteOptions,
    "clear-tag": TemplateRewriteOptions,
    "set-severity": TemplateRewriteOptions,
    "set-facility": TemplateRewriteOptions,
    "set-pri": TemplateRewriteOptions,
    "unset": NamesOptions,
    "rename": NamesOptions,
    "groupset": GroupOptions,
    "groupunset": GroupOptions,
}
"""Rewrite operations by name."""


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
        name = options.value.removeprefix("$")
        fields.assign(name, _template(options.template, fields, context), out)
    elif isinstance(options, SubstOptions):
        _emit_subst(options, fields, context, out)
    elif isinstance(fields, MessageFields):
        _emit_on_message(spec, fields, context, out)
    else:
        raise Unsupported(f"{spec.kind}() changes messages")


def _template(template: TemplateText, fields: Fields, context: MacroContext) -> str:
    parts = parse_template(template.text)
    if not parts:
        return 'b""'
    return emit_template(pieces_of(parts, fields, context), fields).code


def _emit_subst(
    options: SubstOptions, fields: Fields, context: MacroContext, out: SourceWriter
) -> None:
    pattern = compile_pattern(options.texts[0], options.type, options.flags)
    name = options.value.removeprefix("$")
    text = TemplateText(options.texts[1], NOWHERE)
    replacement = _template(text, fields, context)
    count = 0 if "global" in options.flags else 1
    if pattern.how == "regex":
        bound = fields.constants.bind(pattern.regex.sub, "substitute")
        code = f"{bound}(lambda _: {replacement}, {fields.value(name)}, {count})"
    else:
        literal = fields.constants.bind(_literal(pattern), "searched")
        limit = "" if not count else ", 1"
        code = f"{fields.value(name)}.replace({literal}, {replacement}{limit})"
        if pattern.how != "substring":
            code = _anchored(pattern, name, replacement, fields)
    fields.assign(name, code, out)


def _literal(pattern: Pattern) -> bytes:
    return pattern.literal


def _anchored(pattern: Pattern, name: str, replacement: str, fields: Fields) -> str:
    literal = fields.constants.bind(pattern.literal, "searched")
    value = fields.value(name)
    if pattern.how == "equal":
        return f"({replacement} if {value} == {literal} else {value})"
    rest = f"{value}[{len(pattern.literal)}:]"
    return f"({replacement} + {rest} if {value}.startswith({literal}) else {value})"


def _emit_on_message(
    spec: Spec, fields: MessageFields, context: MacroContext, out: SourceWriter
) -> None:
    options = spec.options
    if isinstance(options, TemplateRewriteOptions):
        value = _template(options.template, fields, context)
        bound = fields.constants.bind(_ON_VALUE[spec.kind], spec.kind.replace("-", "_"))
        out.line(f"{bound}(m, {value})")
    elif isinstance(options, NamesOptions):
        names = options.names or (options.value,)
        plain = tuple(name.removeprefix("$") for name in names)
        constant = fields.constants.bind(plain, "names")
        function = _rename if spec.kind == "rename" else _unset
        out.line(f"{fields.constants.bind(function, spec.kind)}(m, *{constant})")
    else:
        assert isinstance(options, GroupOptions)
        patterns = fields.constants.bind(options.values, "name_patterns")
        value = '""' if spec.kind == "groupunset" else ""
        value = value or _template(options.template, fields, context)
        is_unset = spec.kind == "groupunset"
        function_name = fields.constants.bind(
            _group_unset if is_unset else _group_set, spec.kind
        )
        tail = "" if is_unset else f", {value}"
        out.line(f"{function_name}(m, {patterns}{tail})")


def _set_tag(message: Message, tag: bytes) -> None:
    if tag not in message.tags:
        message.tags.append(tag)


def _clear_tag(message: Message, tag: bytes) -> None:
    if tag in message.tags:
        message.tags.remove(tag)


def _code_of(text: bytes, names: dict[str, int], largest: int) -> int | None:
    word = text.decode("utf-8", "replace").lower()
    if word.isdigit() and int(word) <= largest:
        return int(word)
    return names.get(word)


def _set_severity(message: Message, value: bytes) -> None:
    code = _code_of(value, SEVERITIES, 7)
    if code is not None:
        message.pri = message.pri & ~7 | code


def _set_facility(message: Message, value: bytes) -> None:
    code = _code_of(value, FACILITIES, 127)
    if code is not None:
        message.pri = message.pri & 7 | code << 3


def _set_pri(message: Message, value: bytes) -> None:
    # The reference's rule: an invalid value gives 38 (auth.info), 0..1023 are taken.
    is_valid = value.isdigit() and int(value) <= 1023
    message.pri = int(value) if is_valid else 38


_ON_VALUE: dict[str, Callable[[Any, bytes], None]] = {
    "set-tag": _set_tag,
    "clear-tag": _clear_tag,
    "set-severity": _set_severity,
    "set-facility": _set_facility,
    "set-pri": _set_pri,
}
_ATTRIBUTES = {
    "HOST": "host",
    "PROGRAM": "program",
    "PID": "pid",
    "MSGID": "msgid",
    "MESSAGE": "message",
    "MSG": "message",
}


def _unset(message: Message, *names: str) -> None:
    for name in names:
        attribute = _ATTRIBUTES.get(name)
        if attribute is not None:
            setattr(message, attribute, b"")
            if attribute in {"program", "pid"}:
                message.header = b""
        else:
            message.values.pop(name, None)
            message.types.pop(name, None)


def _rename(message: Message, old: str, new: str) -> None:
    attribute = _ATTRIBUTES.get(old)
    if attribute is None and old not in message.values:
        return
    value = getattr(message, attribute) if attribute else message.values[old]
    kind = message.types.get(old)
    _unset(message, old)
    target = _ATTRIBUTES.get(new)
    if target is not None:
        setattr(message, target, value)
    else:
        message.values[new] = value
        if kind is not None:
            message.types[new] = kind


def _matching(message: Message, patterns: tuple[str, ...]) -> list[str]:
    names = [*_ATTRIBUTES, *message.values]
    return [
        name
        for name in names
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _group_set(message: Message, patterns: tuple[str, ...], value: bytes) -> None:
    for name in _matching(message, patterns):
        attribute = _ATTRIBUTES.get(name)
        if attribute is None:
            message.values[name] = value
        elif getattr(message, attribute):
            setattr(message, attribute, value)


def _group_unset(message: Message, patterns: tuple[str, ...]) -> None:
    _unset(message, *_matching(message, patterns))
