"""
A ``filterx`` block becomes one Python function over the message.

The function tells what becomes of the message: ``True``, it passes; ``False``, it does
not match (a statement was false, or an expression failed); ``None``, it was dropped.
Only a block that passes writes what it changed into the message.

A statement that is an expression ends the block when its value is false; assignments
never do. ``break`` ends the braces around it, as in the reference: in an ``if`` within
a ``switch`` it ends the ``if``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from logferry.codegen.emit import SourceWriter
from logferry.codegen.filterx import operators
from logferry.codegen.filterx.calls import FilterxError
from logferry.codegen.filterx.expressions import ExpressionWriter, Stop
from logferry.codegen.filterx.special import changed_by
from logferry.codegen.filterx.values import UNSET, Failure, copied
from logferry.codegen.filterx.writer import BlockWriter, State
from logferry.config.filterx.nodes import (
    Assignment,
    Attribute,
    Case,
    Control,
    Expression,
    FunctionCall,
    If,
    Literal,
    Path,
    Statement,
    Subscript,
    Switch,
    Variable,
    parts_of,
    variables_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logferry.codegen.emit import Constants
    from logferry.codegen.macros import MacroContext
    from logferry.config.filterx.nodes import FilterxBlock
    from logferry.message.model import Message

__all__ = ["block_function"]

_DEPTH_MAX: Final = 80
"""Levels of indentation: Python's parser takes a hundred."""


def block_function(
    name: str,
    block: FilterxBlock,
    constants: Constants,
    context: MacroContext,
    declared: frozenset[str] | set[str],
    report: Callable[[FilterxError], None] | None = None,
) -> str:
    """
    Return the source of the function ``name``, which does what ``block`` says.

    ``declared`` are the names that any block of the configuration declares. ``report``
    takes every error; without it the first one is raised. Raises ``FilterxError``.
    """
    writer = BlockWriter(constants, context, declared, is_check=report is not None)
    return _FunctionWriter(writer, report).function(name, block)


class _FunctionWriter:
    def __init__(
        self, writer: BlockWriter, report: Callable[[FilterxError], None] | None
    ) -> None:
        self._writer = writer
        self._report = report
        self._expressions = ExpressionWriter(writer)
        self._breaks: list[str] = []  # what break is, innermost last

    def function(self, name: str, block: FilterxBlock) -> str:
        writer = self._writer
        self._mark_in_place(block.statements)
        with writer.aside() as body:
            is_over = self._statements(block.statements)
            if not is_over:
                self._finish()
        out = SourceWriter()
        place = f"{block.span.file}:{block.span.line}"
        failure = writer.bind(Failure, "Failure")
        with out.block(f"def {name}(m):"):
            out.line(f"# filterx at {place}")
            self._start(out)
            out.line("try:")
            out.indent()
            for line in body:
                out.line(line)
            out.dedent()
            self._write_stops(out)
            with out.block(f"except ({failure}, RecursionError) as failure:"):
                out.line(f"{name}_failed(failure)")
                out.line("return False")
        return out.text

    def _start(self, out: SourceWriter) -> None:
        """Give a value to what may be looked at before it has one."""
        writer = self._writer
        unset = writer.bind(UNSET, "UNSET")
        if writer.pipeline:
            out.line('variables = getattr(m, "variables", {})')
        for name, variable in writer.pipeline.items():
            key = writer.constants.bind(name, f"name_{name}")
            out.line(f"p_{variable[2:]} = {key} in variables")
            code = f"variables.get({key}, {unset})"
            if variable in writer.in_place:
                code = f"{writer.function(copied)}({code})"
            out.line(f"{variable} = {code}")
        for variable in writer.unset_first:
            if variable not in writer.pipeline.values():
                out.line(f"{variable} = {unset}")
        for variable in writer.written.values():
            out.line(f"d_{variable[2:]} = False")
        if writer.stops:
            for variable in writer.written.values():
                out.line(f"{variable} = {unset}")

    def _write_stops(self, out: SourceWriter) -> None:
        """Write what happens when an expression says drop or done."""
        if not self._writer.stops:
            return
        stop = self._writer.bind(Stop, "Stop")
        with out.block(f"except {stop} as stopped:"):
            with out.block('if stopped.word == "drop":'):
                out.line("return None")
            with self._writer.aside() as lines:
                self._finish()
            for line in lines:
                out.line(line)

    def _finish(self) -> None:
        """Write what a block that passes does last."""
        writer = self._writer
        writer.flush(is_last=True)
        for name, variable in writer.pipeline.items():
            key = writer.constants.bind(name, f"name_{name}")
            keep = writer.bind(_keep, "keep")
            with writer.out.block(f"if p_{variable[2:]}:"):
                writer.out.line(f"{keep}(m, {key}, {variable})")
        writer.out.line("return True")

    # -- statements ---------------------------------------------------------------

    def _statements(self, statements: Sequence[Statement]) -> bool:
        """Write statements; tell whether nothing can come behind them."""
        return any(self._reported(statement) for statement in statements)

    def _reported(self, statement: Statement) -> bool:
        try:
            return self._statement(statement)
        except FilterxError as error:
            if self._report is None:
                raise
            self._report(error)
            return False

    def _statement(self, statement: Statement) -> bool:
        writer = self._writer
        span = statement.span
        writer.out.line(f"# {span.line}:{span.column}")
        if writer.out.depth > _DEPTH_MAX:
            raise FilterxError("statements nest too deep", span)
        match statement:
            case If():
                return self._if(statement)
            case Switch():
                return self._switch(statement)
            case Assignment():
                self._load(statement.value)
                self._assign(statement)
                return False
            case Control(word):
                return self._control(word)
            case _:
                self._load(statement)
                condition = self._expressions.condition(statement)
                if condition != "True":
                    with writer.out.block(f"if not {_bracketed(condition)}:"):
                        writer.out.line("return False")
                return False

    def _control(self, word: str) -> bool:
        if word == "drop":
            self._writer.out.line("return None")
        elif word == "done":
            self._finish()
        elif self._breaks[-1:] == ["while"]:
            self._writer.out.line("break")
        elif not self._breaks:
            self._finish()
        return True

    def _load(self, *nodes: Expression) -> None:
        """Read the values of the message that ``nodes`` need, before they do."""
        writer = self._writer
        for variable in variables_of(*nodes):
            if variable.is_message:
                name = writer.message_name(variable)
                if not writer.is_macro(name):
                    writer.load(name)

    def _load_changed(self, statement: If | Switch) -> None:
        """
        Read values that a branch may change, before there are branches.

        Behind them nobody would know whether they had been read.
        """
        for target in _changed(statement):
            self._load(*_roots_of(target))

    # -- assignments --------------------------------------------------------------

    def _assign(self, node: Assignment) -> None:
        writer = self._writer
        if node.operator == "=??":
            if isinstance(node.target, Variable):
                self._load(node.target)
            code = self._expressions.attempt(node.value, is_stored=True)
            before = writer.state.copy()
            with writer.aside() as lines:
                self._put(node, code)
            with writer.out.block(f"if {code} is not None:"):
                writer.replay(lines)
            writer.state.meet([before, writer.state.copy()])
            return
        if node.operator == "+=":
            self._add(node)
            return
        self._put(node, self._expressions.stored(node.value))

    def _put(self, node: Assignment, code: str) -> None:
        """Write what puts a value into its place."""
        writer = self._writer
        target = node.target
        match target:
            case Variable(name, True):
                self._put_message(target, code)
            case Variable(name):
                variable = writer.local(name)
                writer.out.line(f"{variable} = {code}")
                writer.set_known(variable)
                if node.is_declaration:
                    writer.out.line(f"p_{variable[2:]} = True")
            case _:
                if not code.isidentifier():
                    code = writer.atom(code)
                self._put_inside(target, code)

    def _put_message(self, target: Variable, code: str) -> None:
        writer = self._writer
        name = writer.message_name(target)
        if writer.is_macro(name):
            raise FilterxError(
                f"${name} is computed and cannot be set",
                target.span,
                "see set_pri() and set_timestamp()"
                if name not in {"SEQNUM", "RAWMSG_SIZE"}
                else "",
            )
        variable = writer.name_of("m_", name)
        writer.out.line(f"{variable} = {code}")
        writer.state.loaded.add(variable)
        writer.set_known(variable)
        writer.touch(name)

    def _put_inside(self, target: Attribute | Subscript | Path, code: str) -> None:
        """Write what puts ``code`` into a container."""
        writer, expressions = self._writer, self._expressions
        self._load(*_roots_of(target), *_steps_of(target))
        expressions.touch_root(target)
        match target:
            case Attribute(operand, name):
                function = writer.function(operators.set_item)
                key = writer.bind(name, f"key_{name}")
                container = expressions.value(operand)
                writer.out.line(f"{function}({container}, {key}, {code})")
            case Subscript(operand, None):
                function = writer.function(operators.append)
                writer.out.line(f"{function}({expressions.value(operand)}, {code})")
            case Subscript(operand, index):
                assert index is not None
                function = writer.function(operators.set_item)
                codes = expressions.values([operand, index])
                writer.out.line(f"{function}({', '.join(codes)}, {code})")
            case Path(variable, steps):
                function = writer.function(operators.set_path)
                container, *keys = expressions.values([variable, *steps])
                path = f"({', '.join(keys)},)"
                writer.out.line(f"{function}({container}, {path}, {code})")

    def _add(self, node: Assignment) -> None:
        """``target += value``."""
        writer, expressions = self._writer, self._expressions
        target = node.target
        self._load(target)
        if isinstance(target, Path):
            current: Expression = target.variable
            for step in target.steps:
                current = Subscript(current, step, target.span)
        else:
            current = target
        in_place = isinstance(target, Variable)
        function = operators.plus_in_place if in_place else operators.plus
        if isinstance(target, Variable) and not target.is_message:
            writer.in_place.add(writer.local(target.name))
        left, right = expressions.values([current, node.value])
        code = f"{writer.function(function)}({left}, {right})"
        self._put(node, code)

    # -- branches -----------------------------------------------------------------

    def _if(self, node: If) -> bool:
        writer = self._writer
        conditions = [item for item, _ in node.branches if item is not None]
        self._load(*conditions)
        self._load_changed(node)
        base = writer.out.depth
        ends: list[State] = []
        word = "if"
        has_else = False
        for condition, statements in node.branches:
            if condition is None:
                has_else = True
                writer.out.line("else:")
            else:
                with writer.aside() as lines:
                    code = self._expressions.condition(condition)
                if lines and word == "elif":
                    writer.out.line("else:")
                    writer.out.indent()
                    word = "if"
                writer.replay(lines)
                writer.out.line(f"{word} {_stripped(code)}:")
            self._branch(statements, ends)
            word = "elif"
        while writer.out.depth > base:
            writer.out.dedent()
        if not has_else:
            ends.append(writer.state.copy())
        writer.state.meet(ends)
        return not ends

    def _branch(self, statements: Sequence[Statement], ends: list[State]) -> None:
        """Write the inside of braces; add what is known at its end."""
        writer = self._writer
        before = writer.state.copy()
        self._breaks.append("braces")
        writer.out.indent()
        is_over = self._statements(statements)
        is_broken = is_over and _ends_with_break(statements)
        if is_broken or not statements:
            writer.out.line("pass")
        writer.out.dedent()
        self._breaks.pop()
        if not is_over or is_broken:
            ends.append(writer.state.copy())
        writer.state = before

    def _switch(self, node: Switch) -> bool:
        """
        Write a switch: which case it is, then the statements from there to a break.

        What stands before the first case is never reached.
        """
        writer = self._writer
        cases = [item for item in node.body if isinstance(item, Case)]
        self._load(node.selector, *(variables_of(*cases)))
        self._load_changed(node)
        segments = _segments(node)
        number = self._choice(node, segments)
        before = writer.state.copy()
        writer.out.line("while True:")
        writer.out.indent()
        self._breaks.append("while")
        states = [before]
        for index, (_, statements) in enumerate(segments):
            if not statements:
                continue
            writer.state = before.copy()
            with writer.out.block(f"if {number} <= {index}:"):
                self._statements(statements)
            states.append(writer.state)
        writer.out.line("break")
        self._breaks.pop()
        writer.out.dedent()
        writer.state = State()
        writer.state.meet(states)
        return False

    def _choice(
        self, node: Switch, segments: list[tuple[list[Case], list[Statement]]]
    ) -> str:
        """Write what finds the number of the segment where execution begins."""
        writer, expressions = self._writer, self._expressions
        selector = writer.atom(expressions.value(node.selector))
        number = writer.new_name()
        default = len(segments)
        literals: dict[str, int] = {}
        others: list[tuple[int, Case]] = []
        for index, (cases, _) in enumerate(segments):
            for case in cases:
                if case.value is None:
                    default = index
                elif (
                    case.end is None
                    and isinstance(case.value, Literal)
                    and isinstance(case.value.value, str)
                ):
                    literals[case.value.value] = index
                else:
                    others.append((index, case))
        missing = "None" if others else str(default)
        table = writer.bind(literals, "cases")
        is_text = f"type({selector}) is str"
        writer.out.line(
            f"{number} = {table}.get({selector}, {missing}) if {is_text} else {missing}"
        )
        for index, case in others:
            with writer.out.block(f"if {number} is None:"):
                assert case.value is not None
                bounds = [case.value] if case.end is None else [case.value, case.end]
                codes = expressions.values(bounds)
                test = operators.same if case.end is None else operators.within
                function = writer.function(test)
                with writer.out.block(
                    f"if {function}({selector}, {', '.join(codes)}):"
                ):
                    writer.out.line(f"{number} = {index}")
        if others:
            with writer.out.block(f"if {number} is None:"):
                writer.out.line(f"{number} = {default}")
        return number

    def _mark_in_place(self, statements: Sequence[Statement]) -> None:
        """Note the locals whose containers are changed where they are."""
        for target in _changed_inside(*statements):
            for root in _roots_of(target):
                if not root.is_message:
                    self._writer.in_place.add(self._writer.local(root.name))


def _segments(node: Switch) -> list[tuple[list[Case], list[Statement]]]:
    """Return labels and the statements behind them; labels in a row are together."""
    found: list[tuple[list[Case], list[Statement]]] = []
    for item in node.body:
        if isinstance(item, Case):
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(item)
        elif found:
            found[-1][1].append(item)
    return found


def _changed(*nodes: Statement | Case) -> list[Any]:
    """Return what assignments and functions change, in branches too."""
    found: list[Any] = []
    waiting: list[Any] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Assignment):
            found.append(node.target)
        elif isinstance(node, FunctionCall):
            found += changed_by(node)
        waiting += parts_of(node)
    return found


def _changed_inside(*nodes: Statement | Case) -> list[Any]:
    """Return what is changed without being replaced."""
    found: list[Any] = []
    waiting: list[Any] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Assignment) and not isinstance(node.target, Variable):
            found.append(node.target)
        elif isinstance(node, FunctionCall):
            found += changed_by(node)
        waiting += parts_of(node)
    return found


def _roots_of(node: Any) -> list[Variable]:
    """Return the variable that ``node`` is in."""
    while isinstance(node, Attribute | Subscript):
        node = node.operand
    if isinstance(node, Path):
        node = node.variable
    return [node] if isinstance(node, Variable) else []


def _steps_of(node: Any) -> list[Variable]:
    """Return the variables in the indices of a target."""
    return list(variables_of(node))


def _ends_with_break(statements: Sequence[Statement]) -> bool:
    return any(
        isinstance(item, Control) and item.word == "break" for item in statements
    )


_brackets = re.compile(r"\(([^()]*)\)")


def _stripped(code: str) -> str:
    """Return ``code`` without brackets around all of it, where that is easy to see."""
    match = _brackets.fullmatch(code)
    return match[1] if match else code


def _bracketed(code: str) -> str:
    return f"({code})" if " " in code and not code.startswith("(") else code


def _keep(message: Message, name: str, value: Any) -> None:
    """Set a variable of the log path; ``UNSET`` takes it away."""
    variables = dict(getattr(message, "variables", ()))
    if value is UNSET:
        variables.pop(name, None)
    else:
        variables[name] = value
    message.variables = variables
