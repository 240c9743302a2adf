"""
Functions that work on variables and not on values: they are written in place.

``unset(x)`` takes a variable away, ``move(x)`` takes its value with it,
``unset_empties(x)`` and ``set_fields(x, …)`` change the container that it is;
``vars()`` sees all variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logferry.codegen.filterx import operators
from logferry.codegen.filterx.calls import Call, FilterxError, Function
from logferry.codegen.filterx.containers import flatten, set_fields, unset_empties
from logferry.codegen.filterx.values import UNSET, copied
from logferry.config.filterx.nodes import (
    Attribute,
    DictLiteral,
    Expression,
    FunctionCall,
    ListLiteral,
    Literal,
    Subscript,
    Variable,
)

if TYPE_CHECKING:
    from logferry.codegen.filterx.expressions import ExpressionWriter
    from logferry.message.model import Message

__all__ = ["SPECIAL", "Special", "changed_by"]


@dataclass(frozen=True, slots=True)
class Special:
    """A function and what writes a call of it."""

    function: Function
    emit: Callable[[FunctionCall, ExpressionWriter], str]


_CHANGING = frozenset({"unset", "move", "unset_empties", "set_fields", "flatten"})


def changed_by(call: FunctionCall) -> list[Variable | Attribute | Subscript]:
    """Return what a call changes."""
    if call.name not in _CHANGING:
        return []
    targets = _arguments(call)[: None if call.name == "unset" else 1]
    return [
        item for item in targets if isinstance(item, Variable | Attribute | Subscript)
    ]


def _arguments(node: FunctionCall) -> list[Expression]:
    return [item.value for item in node.arguments if not item.name]


def _emit_unset(node: FunctionCall, expressions: ExpressionWriter) -> str:
    for target in _arguments(node):
        _take_away(node, target, expressions)
    return "True"


def _take_away(
    node: FunctionCall, target: Expression, expressions: ExpressionWriter
) -> None:
    writer = expressions.writer
    unset = writer.bind(UNSET, "UNSET")
    match target:
        case Variable(_, True):
            name = writer.message_name(target)
            if writer.is_macro(name):
                raise FilterxError(f"${name} is computed and cannot stop", target.span)
            variable = writer.load(name)
            writer.out.line(f"{variable} = {unset}")
            writer.set_unknown(variable)
            writer.touch(name)
        case Variable(name):
            variable = writer.local(name)
            writer.out.line(f"{variable} = {unset}")
            writer.set_unknown(variable)
        case Attribute(operand, key):
            expressions.touch_root(target)
            function = writer.function(operators.unset_item)
            bound = writer.bind(key, f"key_{key}")
            writer.out.line(f"{function}({expressions.value(operand)}, {bound})")
        case Subscript(operand, index) if index is not None:
            expressions.touch_root(target)
            function = writer.function(operators.unset_item)
            codes = expressions.values([operand, index])
            writer.out.line(f"{function}({', '.join(codes)})")
        case _:
            raise FilterxError(
                f"{node.name}() takes variables, attributes and items", target.span
            )


def _emit_move(node: FunctionCall, expressions: ExpressionWriter) -> str:
    target = _arguments(node)[0]
    name = expressions.writer.new_name()
    code = expressions.value(target)
    expressions.writer.out.line(f"{name} = {code}")
    _take_away(node, target, expressions)
    return name


def _container(node: FunctionCall, expressions: ExpressionWriter) -> str:
    target = _arguments(node)[0]
    if isinstance(target, Variable | Attribute | Subscript):
        expressions.touch_root(target)
    return expressions.value(target)


def _emit_unset_empties(node: FunctionCall, expressions: ExpressionWriter) -> str:
    writer = expressions.writer
    call = Call(node, writer.context)
    options = []
    for name, default in (("recursive", True), ("ignorecase", False)):
        options.append(str(call.flag(name, default=default)))
    codes = [_container(node, expressions)]
    for name in ("targets", "replacement"):
        option = call.option(name)
        unset = writer.bind(UNSET, "UNSET")
        codes.append(unset if option is None else expressions.value(option.value))
    function = writer.function(unset_empties)
    return f"{function}({', '.join([*codes, *options])})"


def _emit_flatten(node: FunctionCall, expressions: ExpressionWriter) -> str:
    writer = expressions.writer
    separator = Call(node, writer.context).text_option("separator", ".")
    container = _container(node, expressions)
    bound = writer.bind(separator, "separator")
    return f"{writer.function(flatten)}({container}, {bound})"


def _emit_set_fields(node: FunctionCall, expressions: ExpressionWriter) -> str:
    """Each value is tried where it is needed: errors and nulls are passed over."""
    writer = expressions.writer
    call = Call(node, writer.context)
    container = writer.atom(_container(node, expressions))
    writer.out.line(f"{writer.function(set_fields)}({container})")
    fields: dict[str, dict[str, Expression]] = {}
    for kind in ("overrides", "replacements", "defaults"):
        option = call.option(kind)
        if option is None:
            continue
        if not isinstance(option.value, DictLiteral):
            call.fail(f"{kind}= must be a literal dict", option.span)
        assert isinstance(option.value, DictLiteral)
        for key, value, _ in option.value.items:
            if not isinstance(key, Literal) or not isinstance(key.value, str):
                call.fail("the names of fields must be literal strings", key.span)
            assert isinstance(key, Literal)
            fields.setdefault(str(key.value), {})[kind] = value
    for name, choices in fields.items():
        _write_field(expressions, container, writer.bind(name, "field"), choices)
    return container


def _write_field(
    expressions: ExpressionWriter,
    container: str,
    name: str,
    choices: dict[str, Expression],
) -> None:
    """Write what sets one field: an override, or what fits its being there or not."""
    writer = expressions.writer
    is_set = overridden = ""
    for kind, value in choices.items():
        if kind == "overrides":
            is_set = writer.new_name()
            writer.out.line(f"{is_set} = {name} in {container}")
            before = writer.new_name()
            writer.out.line(f"{before} = False")
            _write_choices(expressions, container, name, value, done=before)
            overridden = before
            continue
        test = "" if kind == "replacements" else "not "
        condition = f"{test}{is_set or f'({name} in {container})'}"
        if is_set:
            condition += f" and not {overridden}"
        with writer.out.block(f"if {condition}:"):
            _write_choices(expressions, container, name, value)


def _write_choices(
    expressions: ExpressionWriter,
    container: str,
    name: str,
    value: Expression,
    done: str = "",
) -> None:
    """Write what sets a field to the first of some expressions that has a value."""
    writer = expressions.writer
    depth = writer.out.depth
    choices = value.items if isinstance(value, ListLiteral) else (value,)
    for choice in choices:
        code = expressions.attempt(choice, is_stored=True)
        with writer.out.block(f"if {code} is not None:"):
            writer.out.line(f"{container}[{name}] = {code}")
            if done:
                writer.out.line(f"{done} = True")
        if choice is not choices[-1]:
            writer.out.line("else:")
            writer.out.indent()
    while writer.out.depth > depth:
        writer.out.dedent()


def _emit_vars(node: FunctionCall, expressions: ExpressionWriter) -> str:
    writer = expressions.writer
    excludes = Call(node, writer.context).flag("exclude_msg_values")
    pairs = []
    if not excludes:
        for name in {**writer.read, **writer.written}:
            variable = writer.name_of("m_", name)
            if variable in writer.state.loaded:
                pairs.append(f'("${_shown(name)}", {variable})')
    for name, variable in writer.pipeline.items():
        pairs.append(f'("{name}", {variable} if p_{variable[2:]} else None)')
    unset = writer.bind(UNSET, "UNSET")
    function = writer.function(_all_variables, "fx_vars")
    excluded = ", ".join(f'"{name}"' for name in writer.pipeline)
    known = f"({excluded},)" if excluded else "()"
    return f"{function}(m, {known}, [{', '.join(pairs)}], {unset})"


def _shown(name: str) -> str:
    if not name.isprintable() or '"' in name or "\\" in name:
        return "".join(
            char if char.isalnum() or char in "._-@" else "?" for char in name
        )
    return name


def _all_variables(
    message: Message, known: tuple[str, ...], pairs: list[tuple[str, Any]], unset: Any
) -> dict[str, Any]:
    found = {name: copied(value) for name, value in pairs if value is not unset}
    for name in known:
        if found.get(name) is None:
            found.pop(name, None)
    for name, value in getattr(message, "variables", {}).items():
        if name not in known:
            found[name] = copied(value)
    return found


SPECIAL: dict[str, Special] = {
    "unset": Special(Function(None, 1, -1), _emit_unset),
    "move": Special(Function(None), _emit_move),
    "unset_empties": Special(
        Function(None, options=("recursive", "ignorecase", "targets", "replacement")),
        _emit_unset_empties,
    ),
    "set_fields": Special(
        Function(None, options=("overrides", "replacements", "defaults")),
        _emit_set_fields,
    ),
    "flatten": Special(Function(None, options=("separator",)), _emit_flatten),
    "vars": Special(Function(None, 0, 0, ("exclude_msg_values",)), _emit_vars),
}
"""Functions by name."""
