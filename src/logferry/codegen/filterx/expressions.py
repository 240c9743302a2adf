"""
Expressions of FilterX become Python expressions.

Order and laziness are kept: where a later operand needs statements of its own, what
stands before it is given names first, and ``and``, ``or``, ``? :`` and ``??`` become
statements when a side of theirs needs some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.codegen.emit import hint_of
from logferry.codegen.filterx import operators
from logferry.codegen.filterx.calls import (
    Call,
    FilterxError,
    Function,
    Prepared,
    check_arguments,
)
from logferry.codegen.filterx.registry import ELSEWHERE, FUNCTIONS
from logferry.codegen.filterx.special import SPECIAL
from logferry.codegen.filterx.values import UNSET, Failure, copied, is_true, text
from logferry.codegen.patterns import PatternError, compile_pattern
from logferry.codegen.template_text import TemplateError, parse_template
from logferry.codegen.templates import emit_parts
from logferry.config.diagnostics import did_you_mean
from logferry.config.filterx.nodes import (
    Attribute,
    Binary,
    Conditional,
    Control,
    DictLiteral,
    Expression,
    FunctionCall,
    IsSet,
    ListLiteral,
    Literal,
    Match,
    Path,
    Slice,
    Subscript,
    TemplateLiteral,
    Unary,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logferry.codegen.filterx.writer import BlockWriter

__all__ = ["ExpressionWriter", "Stop"]

_ARITHMETIC = {
    "+": operators.plus,
    "-": operators.minus,
    "*": operators.times,
    "/": operators.divided,
    "%": operators.modulo,
}
_BOOLEAN = frozenset({*operators.ORDERS, *operators.TEXT_ORDERS, "in", "not in"}) | {
    "and",
    "or",
    "==",
    "!=",
    "===",
    "!==",
}
_NAMED = {"==": "equal", "!=": "not_equal", "===": "same"}


class Stop(Exception):
    """``drop`` or ``done`` in the middle of an expression."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word


def stop(word: str) -> Any:
    """End the block from within an expression."""
    raise Stop(word)


class ExpressionWriter:
    """Writes expressions of one block."""

    def __init__(self, writer: BlockWriter) -> None:
        self.writer = writer

    # -- values -------------------------------------------------------------------

    def value(self, node: Expression) -> str:
        """Return an expression for the value; it may raise ``Failure``."""
        return self.writer.bounded(self._value(node))

    def _value(self, node: Expression) -> str:
        match node:
            case Literal(value):
                return self._literal(value)
            case Variable():
                return self._variable(node)
            case TemplateLiteral():
                return self._template(node)
            case ListLiteral() | DictLiteral():
                return self._container(node)
            case Attribute() | Subscript() | Slice():
                return self._item(node)
            case Unary("-", operand):
                return f"{self._operator(operators.negative)}({self.value(operand)})"
            case Unary() | IsSet() | Match():
                return self.condition(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)
            case FunctionCall():
                return self.call(node)
            case Control(word):
                return self._control(node, word)
            case Path():
                raise FilterxError(
                    "dpath() stands on the left of an assignment", node.span
                )

    def _container(self, node: ListLiteral | DictLiteral) -> str:
        if isinstance(node, DictLiteral):
            return self._dict(node)
        codes = self.values(node.items, fresh=True)
        ends = "()" if node.is_tuple else "[]"
        comma = "," if node.is_tuple and len(codes) == 1 else ""
        return f"{ends[0]}{', '.join(codes)}{comma}{ends[1]}"

    def _item(self, node: Attribute | Subscript | Slice) -> str:
        match node:
            case Attribute(operand, name):
                get = self._operator(operators.attribute)
                return f"{get}({self.value(operand)}, {self._literal(name)})"
            case Subscript(operand, index):
                if index is None:
                    raise FilterxError("[] has no value", node.span)
                get = self._operator(operators.item)
                return f"{get}({', '.join(self.values([operand, index]))})"
            case Slice():
                return self._slice(node)

    def _operator(self, function: Callable[..., Any]) -> str:
        return self.writer.function(function)

    def _literal(self, value: str | float | bool | None) -> str:
        if value is None or isinstance(value, bool):
            return str(value)
        if type(value) is int:
            return str(value)
        kind = "text" if isinstance(value, str) else "number"
        data = str(value).encode("utf-8", "surrogateescape")
        return self.writer.constants.bind(value, hint_of(data, f"fx_{kind}"))

    def _variable(self, node: Variable) -> str:
        writer = self.writer
        if node.is_message:
            name = writer.message_name(node)
            if writer.is_macro(name):
                return writer.macro(name)
            variable = writer.load(name)
            shown = f"${{{name}}}"
        else:
            variable = writer.local(node.name)
            shown = node.name
        if variable in writer.state.known:
            return variable
        if not node.is_message:
            writer.needs_start(variable)
        unset = writer.bind(UNSET, "UNSET")
        fail = writer.function(operators.unset)
        label = self._literal(shown)
        return f"({variable} if {variable} is not {unset} else {fail}({label}))"

    def _template(self, node: TemplateLiteral) -> str:
        writer = self.writer
        try:
            parts = parse_template(node.text)
            if writer.is_check:
                return self._literal(node.text)
            writer.flush()
            code = emit_parts(parts, writer.fields, writer.context)
        except TemplateError as error:
            raise FilterxError(str(error), node.span) from error
        return f"{writer.bind(text, 'text')}({code})"

    def values(self, nodes: Sequence[Expression], *, fresh: bool = False) -> list[str]:
        """Return expressions for several values, evaluated in this order."""
        writer = self.writer
        codes: list[str] = []
        for node in nodes:
            with writer.aside() as lines:
                code = self.stored(node) if fresh else self.value(node)
            if lines:
                codes = [writer.atom(item) for item in codes]
                writer.replay(lines)
            codes.append(code)
        return codes

    def stored(self, node: Expression) -> str:
        """Return an expression for a value that is put somewhere: nobody else's."""
        code = self.value(node)
        if self._is_fresh(node):
            return code
        return f"{self.writer.function(copied)}({code})"

    def _is_fresh(self, node: Expression) -> bool:
        match node:
            case Variable() | Attribute() | Subscript():
                return isinstance(node, Variable) and (
                    node.is_message and self.writer.is_macro(node.name)
                )
            case Conditional(_, first, second):
                return (
                    first is not None
                    and self._is_fresh(first)
                    and self._is_fresh(second)
                )
            case Binary("??", left, right):
                return self._is_fresh(left) and self._is_fresh(right)
            case FunctionCall(name):
                function = FUNCTIONS.get(name)
                return function is not None and function.is_fresh
            case _:
                return True

    def _dict(self, node: DictLiteral) -> str:
        if not any(is_optional for _, _, is_optional in node.items):
            flat = [part for key, value, _ in node.items for part in (key, value)]
            codes = self.values(flat, fresh=True)
            pairs = zip(codes[::2], codes[1::2], flat[::2], strict=True)
            return "{" + ", ".join(f"{self._key(k, n)}: {v}" for k, v, n in pairs) + "}"
        writer = self.writer
        name = writer.new_name()
        writer.out.line(f"{name} = {{}}")
        for key, value, is_optional in node.items:
            if is_optional:
                code = self.attempt(value, is_stored=True)
                with writer.out.block(f"if {code} is not None:"):
                    writer.out.line(
                        f"{name}[{self._key(self.value(key), key)}] = {code}"
                    )
            else:
                key_code, code = self.values([key, value], fresh=True)
                writer.out.line(f"{name}[{self._key(key_code, key)}] = {code}")
        return name

    def _key(self, code: str, node: Expression) -> str:
        if isinstance(node, Literal) and isinstance(node.value, str):
            return code
        if isinstance(node, Literal | ListLiteral | DictLiteral):
            raise FilterxError("a key is a string", node.span)
        return f"{self.writer.function(operators.as_key)}({code})"

    def attempt(self, node: Expression, *, is_stored: bool = False) -> str:
        """Return a name for a value, ``None`` for null and for any error."""
        writer = self.writer
        name = writer.new_name()
        with writer.aside() as lines:
            code = self.stored(node) if is_stored else self.value(node)
        with writer.out.block("try:"):
            writer.replay(lines)
            writer.out.line(f"{name} = {code}")
        with writer.out.block(f"except {writer.bind(Failure, 'Failure')}:"):
            writer.out.line(f"{name} = None")
        return name

    def _slice(self, node: Slice) -> str:
        unset = self.writer.bind(UNSET, "UNSET")
        given = [item for item in (node.start, node.end) if item is not None]
        operand, *codes = self.values([node.operand, *given])
        if node.start is None:
            codes.insert(0, unset)
        if node.end is None:
            codes.append(unset)
        return f"{self._operator(operators.sliced)}({operand}, {', '.join(codes)})"

    # -- operators ----------------------------------------------------------------

    def _binary(self, node: Binary) -> str:
        if node.operator == "??":
            return self._coalesce(node)
        if node.operator in _BOOLEAN:
            return self.condition(node)
        # A row of operators is read from the left: without calling ourselves.
        chain = [node]
        while isinstance(chain[-1].left, Binary):
            left = chain[-1].left
            if left.operator not in _ARITHMETIC:
                break
            chain.append(left)
        codes = self.values([chain[-1].left, *(item.right for item in chain[::-1])])
        code = codes[0]
        for item, right in zip(chain[::-1], codes[1:], strict=True):
            function = self._operator(_ARITHMETIC[item.operator])
            code = self.writer.bounded(f"{function}({code}, {right})")
        return code

    def _coalesce(self, node: Binary) -> str:
        chain = [node.right]
        left: Expression = node.left
        while isinstance(left, Binary) and left.operator == "??":
            chain.append(left.right)
            left = left.left
        writer = self.writer
        name = self.attempt(left)
        for position, right in enumerate(reversed(chain)):
            writer.out.line(f"if {name} is None:")
            writer.out.indent()
            if position < len(chain) - 1:
                other = self.attempt(right)
                writer.out.line(f"{name} = {other}")
                writer.out.dedent()
            else:
                writer.out.line(f"{name} = {self.value(right)}")
                writer.out.dedent()
        return name

    def _conditional(self, node: Conditional) -> str:
        writer = self.writer
        if node.first is None:
            name = writer.atom(self.value(node.condition))
            condition = f"{writer.function(is_true)}({name})"
            first, first_lines = name, []
        else:
            condition = self.condition(node.condition)
            with writer.aside() as first_lines:
                first = self.value(node.first)
        with writer.aside() as second_lines:
            second = self.value(node.second)
        if not first_lines and not second_lines:
            return f"({first} if {condition} else {second})"
        made = writer.new_name()
        with writer.out.block(f"if {condition}:"):
            writer.replay(first_lines)
            writer.out.line(f"{made} = {first}")
        with writer.out.block("else:"):
            writer.replay(second_lines)
            writer.out.line(f"{made} = {second}")
        return made

    def _control(self, node: Control, word: str) -> str:
        if word == "break":
            raise FilterxError("break stands alone", node.span, "write break;")
        self.writer.stops.add(word)
        return f'{self.writer.function(stop, "fx_stop")}("{word}")'

    # -- conditions ---------------------------------------------------------------

    def condition(self, node: Expression) -> str:
        """Return an expression that is true or false."""
        return self.writer.bounded(self._condition(node))

    def _condition(self, node: Expression) -> str:
        match node:
            case Literal(value):
                return str(is_true(value))
            case Unary("not", operand):
                return f"(not {self.condition(operand)})"
            case IsSet(operand):
                return self._is_set(operand)
            case Match():
                return self._match(node)
            case Binary("and" | "or"):
                return self._logic(node)
            case Binary(operator, left, right) if operator in _BOOLEAN:
                return self._comparison(operator, left, right)
            case ListLiteral() | DictLiteral():
                self.value(node)
                return "True"
        code = self.value(node)
        if code in {"True", "False"}:
            return code
        return f"{self.writer.function(is_true)}({code})"

    def _logic(self, node: Binary) -> str:
        word = node.operator
        parts = [node.right]
        left: Expression = node.left
        while isinstance(left, Binary) and left.operator == word:
            parts.append(left.right)
            left = left.left
        parts.append(left)
        writer = self.writer
        code = self.condition(parts.pop())
        for part in reversed(parts):
            with writer.aside() as lines:
                right = self.condition(part)
            if not lines and len(code) < 200:
                code = f"{code} {word} {right}"
                continue
            name = writer.new_name()
            writer.out.line(f"{name} = {code}")
            with writer.out.block(f"if {'' if word == 'and' else 'not '}{name}:"):
                writer.replay(lines)
                writer.out.line(f"{name} = {right}")
            code = name
        return f"({code})" if " " in code else code

    def _comparison(self, operator: str, left: Expression, right: Expression) -> str:
        writer = self.writer
        first, second = self.values([left, right])
        match operator:
            case "in" | "not in":
                code = f"{self._operator(operators.contains)}({first}, {second})"
                return code if operator == "in" else f"(not {code})"
            case "==" | "!=" | "===":
                code = f"{self._operator(getattr(operators, _NAMED[operator]))}"
                code += f"({first}, {second})"
                is_text = isinstance(right, Literal) and isinstance(right.value, str)
                if is_text and isinstance(left, Variable) and first.isidentifier():
                    quick = "!=" if operator == "!=" else "=="
                    is_string = f"type({first}) is str"
                    return f"({first} {quick} {second} if {is_string} else {code})"
                return code
            case "!==":
                return f"(not {self._operator(operators.same)}({first}, {second}))"
            case "<" | "<=" | ">" | ">=":
                function = operators.compared
            case _:
                function = operators.text_compared
        return f'{writer.function(function)}({first}, "{operator}", {second})'

    def _match(self, node: Match) -> str:
        writer = self.writer
        try:
            pattern = compile_pattern(node.pattern, "pcre", frozenset())
        except (PatternError, ValueError) as error:
            raise FilterxError(str(error), node.span) from error
        except Exception as error:  # re.error, whatever its module
            raise FilterxError(
                f"the pattern does not compile: {error}", node.span
            ) from error
        search = writer.bind(pattern.search, "search")
        code = (
            f"{self._operator(operators.matched)}({search}, {self.value(node.operand)})"
        )
        return f"(not {code})" if node.is_negated else code

    def _is_set(self, operand: Expression) -> str:
        writer = self.writer
        unset = writer.bind(UNSET, "UNSET")
        match operand:
            case Variable(name, True) if writer.is_macro(writer.message_name(operand)):
                del name
                return "True"
            case Variable(name, is_message):
                if is_message:
                    variable = writer.load(writer.message_name(operand))
                else:
                    variable = writer.local(name)
                    if variable in writer.state.known:
                        return "True"
                    writer.needs_start(variable)
                return f"({variable} is not {unset})"
            case Attribute(inner, name):
                container = self.attempt(inner)
                has = self._operator(operators.has_item)
                return f"{has}({container}, {self._literal(name)})"
            case Subscript(inner, index) if index is not None:
                container = self.attempt(inner)
                key = self.attempt(index)
                return f"{self._operator(operators.has_item)}({container}, {key})"
            case _:
                made = self.attempt(operand)
                return f"({made} is not None)"

    def touch_root(self, target: Attribute | Subscript | Path | Variable) -> None:
        """Note that the variable that ``target`` is in changes."""
        root: Expression = target
        while isinstance(root, Attribute | Subscript):
            root = root.operand
        if isinstance(root, Path):
            root = root.variable
        if isinstance(root, Variable) and root.is_message:
            name = self.writer.message_name(root)
            if self.writer.is_macro(name):
                raise FilterxError(f"${name} is computed and cannot be set", root.span)
            self.writer.load(name)
            self.writer.touch(name)

    # -- calls --------------------------------------------------------------------

    def call(self, node: FunctionCall) -> str:
        """Return an expression for a call."""
        special = SPECIAL.get(node.name)
        if special is not None:
            check_arguments(special.function, node)
            return special.emit(node, self)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise _unknown(node)
        check_arguments(function, node)
        prepared = self._prepared(function, node)
        if function.is_flushed:
            self.writer.flush()
        if prepared.is_lenient:
            first, *rest = prepared.arguments
            codes = [self.writer.atom(self.value(first))]
            codes += [self._lenient(item) for item in rest]
        else:
            codes = self.values([*prepared.arguments, *prepared.keywords.values()])
        count = len(prepared.arguments)
        arguments = codes[:count]
        arguments += [
            f"{name}={code}"
            for name, code in zip(prepared.keywords, codes[count:], strict=True)
        ]
        if function.takes_message:
            arguments.insert(0, "m")
        bound = self.writer.function(prepared.function, f"fx_{node.name}")
        return f"{bound}({', '.join(arguments)})"

    def _lenient(self, node: Expression) -> str:
        return self.value(node) if isinstance(node, Literal) else self.attempt(node)

    def _prepared(self, function: Function, node: FunctionCall) -> Prepared:
        if function.prepare is not None:
            return function.prepare(Call(node, self.writer.context))
        assert function.call is not None
        return Prepared(
            function.call,
            tuple(item.value for item in node.arguments if not item.name),
            {item.name: item.value for item in node.arguments if item.name},
        )


def _unknown(node: FunctionCall) -> FilterxError:
    reason = ELSEWHERE.get(node.name)
    if reason is not None:
        return FilterxError(
            f"{node.name}() is not supported in filterx", node.name_span, reason
        )
    return FilterxError(
        f"unknown function {node.name}() in filterx",
        node.name_span,
        did_you_mean(node.name, [*FUNCTIONS, *SPECIAL]),
    )
