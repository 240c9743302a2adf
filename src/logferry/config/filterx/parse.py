"""
From the words of a ``filterx`` block to its tree.

Expressions are read by precedence, the loosest first: ``? :``, ``??``, ``or``,
``and``, ``not``, equality with ``=~`` and ``in``, order, ``+ -``, ``* / %``, signs,
and what stands behind an operand (``.a``, ``[i]``). Operators of one level group from
the left, ``? :`` and ``not`` from the right (source: AxoSyslog's grammar of FilterX).

A mistake ends its statement: reading goes on behind the next semicolon, so that one
run shows several. How deep things nest is bounded, for the reader calls itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.config.diagnostics import did_you_mean
from logferry.config.filterx.nodes import (
    Argument,
    Assignment,
    Attribute,
    Binary,
    Case,
    Conditional,
    Control,
    DictLiteral,
    Expression,
    FilterxBlock,
    FunctionCall,
    If,
    IsSet,
    ListLiteral,
    Literal,
    Match,
    Path,
    Slice,
    Statement,
    Subscript,
    Switch,
    TemplateLiteral,
    Unary,
    Variable,
)
from logferry.config.filterx.tokens import KEYWORDS, Word, words_of
from logferry.config.nodes import Span
from logferry.limits import FILTERX_CHAIN_MAX, FILTERX_NESTING_MAX

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics

__all__ = ["parse_filterx"]

_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"or"}),
    frozenset({"and"}),
    frozenset({"not"}),  # a prefix: it has a level, but no left side
    frozenset({"==", "!=", "===", "!==", "=~", "!~", "eq", "ne", "in"}),
    frozenset({"<", "<=", ">", ">=", "lt", "le", "gt", "ge"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_reference = re.compile(r"\$(?:\{([^}:$]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_NOT_LEVEL = 2
_EQUALITY_LEVEL = 3
_ASSIGNING = frozenset({"=", "+=", "=??"})
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_FOREIGN = {
    "&&": "write 'and'",
    "||": "write 'or'",
    "!": "write 'not'",
    "return": "write done; or drop;",
    "elseif": "write elif (…) { … }",
    "else if": "write elif (…) { … }",
    "for": "there are no loops",
    "while": "there are no loops",
}


class _Mistake(Exception):
    """A statement cannot be read; it was reported."""


def parse_filterx(text: str, span: Span, diagnostics: Diagnostics) -> FilterxBlock:
    """Return the block that ``text``, braces included, is; reports what is wrong."""
    reader = _Reader(words_of(text, span), diagnostics)
    return reader.block(span)


class _Reader:
    def __init__(self, words: list[Word], diagnostics: Diagnostics) -> None:
        self._words = words
        self._at = 0
        self._diagnostics = diagnostics
        self._depth = 0
        self._declared: set[str] = set()

    # -- words ----------------------------------------------------------------------

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _next(self) -> Word:
        word = self._words[self._at]
        if word.kind != "end":
            self._at += 1
        return word

    def _is(self, *texts: str) -> bool:
        word = self._word
        return word.text in texts and word.kind in {"operator", "keyword"}

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str, hint: str = "") -> Word:
        if self._is(text):
            return self._next()
        raise self._fail(f"expected '{text}'", hint)

    def _fail(self, expected: str, hint: str = "") -> _Mistake:
        """Report the next word, where something else was expected."""
        word = self._word
        if word.kind == "bad":
            text = "a string that is not closed" if word.text in "\"'/" else word.text
            pair = word.text + self._words[self._at + 1].text
            hint = _FOREIGN.get(pair) or _FOREIGN.get(word.text) or hint
            message = f"unexpected character {word.text!r} in filterx"
            if word.text in "\"'":
                message = text
        elif word.kind == "end":
            message = f"{expected} before the end of the block"
        else:
            message = f"{expected}, not '{word.text}'"
            hint = hint or _FOREIGN.get(word.text, "")
        return self._error(message, word.span, hint)

    def _error(self, message: str, span: Span, hint: str = "") -> _Mistake:
        self._diagnostics.error(message, span, hint)
        return _Mistake()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > FILTERX_NESTING_MAX:
            raise self._error(
                f"filterx nests more than {FILTERX_NESTING_MAX} deep", self._word.span
            )

    # -- statements -------------------------------------------------------------------

    def block(self, span: Span) -> FilterxBlock:
        """Return the whole block."""
        statements: tuple[Statement, ...] = ()
        try:
            statements = self._braces()
            if self._word.kind != "end":
                raise self._fail("expected nothing behind the block")
        except _Mistake:
            pass
        return FilterxBlock(statements, span, frozenset(self._declared))

    def _braces(self) -> tuple[Statement, ...]:
        self._expect("{")
        found: list[Statement] = []
        depth = self._depth
        self._enter()
        while not self._is("}"):
            if self._word.kind == "end":
                raise self._fail("expected '}'")
            try:
                statement = self._statement()
            except _Mistake:
                self._depth = depth + 1
                self._skip()
                continue
            if statement is not None:
                found.append(statement)
        self._next()
        self._depth = depth
        return tuple(found)

    def _skip(self) -> None:
        """Go on behind the next semicolon, or before the brace that closes."""
        depth = 0
        while self._word.kind != "end":
            text = self._word.text if self._word.kind == "operator" else ""
            if not depth and text == "}":
                return
            depth += (text == "{") - (text == "}")
            self._next()
            if not depth and text in {";", "}"}:
                return

    def _statement(self) -> Statement | None:
        if self._take(";"):
            return None
        if self._is("if"):
            return self._if()
        if self._is("switch"):
            return self._switch()
        statement = self._simple()
        if not self._take(";"):
            word = self._words[self._at - 1]
            end = word.span
            place = Span(
                end.file,
                end.end_line,
                end.end_column,
                end.end_line,
                end.end_column + 1,
                end.origin,
            )
            if self._word.kind in {"bad", "operator"} and not self._is("}"):
                raise self._fail("expected ';'")
            self._diagnostics.error("expected ';' behind the statement", place)
            if not self._is("}") and self._word.span.line == end.end_line:
                raise _Mistake
        return statement

    def _simple(self) -> Statement:
        start = self._word.span
        if self._take("declare"):
            word = self._word
            if word.kind != "name":
                raise self._fail(
                    "expected a name behind declare", "write declare x = …;"
                )
            self._next()
            self._declared.add(word.text)
            name = Variable(word.text, is_message=False, span=word.span)
            self._expect("=", f"write declare {word.text} = …;")
            value = self._expression()
            return Assignment(
                name, "=", value, _cover(start, value.span), is_declaration=True
            )
        target = self._expression(is_target=True)
        if not self._is(*_ASSIGNING):
            self._check_value(target)
            return target
        operator = self._next().text
        if not isinstance(target, Variable | Attribute | Subscript | Path):
            raise self._error("nothing can be assigned to this", target.span)
        if operator == "+=" and isinstance(target, Subscript) and target.index is None:
            raise self._error("[] has no value that could be added to", target.span)
        value = self._expression()
        return Assignment(target, operator, value, _cover(start, value.span))

    def _check_value(self, expression: Expression) -> None:
        if isinstance(expression, Path):
            raise self._error(
                "dpath() stands on the left of an assignment",
                expression.span,
                "write dpath(x.a.b) = …;",
            )

    def _if(self) -> If:
        start = self._next().span
        branches: list[tuple[Expression | None, tuple[Statement, ...]]] = []
        condition: Expression | None = self._condition("if")
        branches.append((condition, self._braces()))
        while self._is("elif"):
            self._next()
            condition = self._condition("elif")
            branches.append((condition, self._braces()))
        if self._take("else"):
            if self._is("if"):
                raise self._fail("expected '{'", "write elif (…) { … }")
            branches.append((None, self._braces()))
        return If(tuple(branches), _cover(start, self._words[self._at - 1].span))

    def _condition(self, word: str) -> Expression:
        self._expect("(", f"write {word} (…) {{ … }}")
        condition = self._expression()
        self._expect(")", f"write {word} (…) {{ … }}")
        return condition

    def _switch(self) -> Switch:
        start = self._next().span
        selector = self._condition("switch")
        self._expect("{")
        self._enter()
        body: list[Case | Statement] = []
        seen: set[object] = set()
        while not self._is("}"):
            if self._word.kind == "end":
                raise self._fail("expected '}'")
            if self._is("case", "default"):
                body.append(self._case(seen))
                continue
            statement = self._statement()
            if statement is not None:
                body.append(statement)
        self._depth -= 1
        return Switch(selector, tuple(body), _cover(start, self._next().span))

    def _case(self, seen: set[object]) -> Case:
        start = self._next()
        value = end = None
        key: object = None
        if start.text == "case":
            value = self._coalesced()
            if self._take(".."):
                end = self._coalesced()
            key = value.value if isinstance(value, Literal) else object()
            key = key if isinstance(key, str) and end is None else object()
        last = self._expect(":")
        if key in seen:
            what = "default" if key is None else f"case {key!r}"
            raise self._error(f"{what} stands twice in a switch", start.span)
        seen.add(key)
        return Case(value, end, _cover(start.span, last.span))

    # -- expressions ------------------------------------------------------------------

    def _expression(self, *, is_target: bool = False) -> Expression:
        self._enter()
        condition = self._coalesced()
        if self._take("?"):
            self._check_value(condition)
            first = None if self._is(":") else self._expression()
            self._expect(":", "write condition ? value : value")
            second = self._expression()
            span = _cover(condition.span, second.span)
            condition = Conditional(condition, first, second, span)
        elif not is_target:
            self._check_value(condition)
        self._depth -= 1
        return condition

    def _coalesced(self) -> Expression:
        left = self._level(0)
        count = 0
        while self._take("??"):
            count = self._counted(count)
            right = self._level(0)
            left = Binary("??", left, right, _cover(left.span, right.span))
        return left

    def _counted(self, count: int) -> int:
        if count >= FILTERX_CHAIN_MAX:
            raise self._error(
                f"more than {FILTERX_CHAIN_MAX} operators in a row", self._word.span
            )
        return count + 1

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._sign()
        if level == _NOT_LEVEL:
            return self._not()
        left = self._level(level + 1)
        count = 0
        while True:
            operator = self._operator_of(level)
            if not operator:
                return left
            self._check_value(left)
            count = self._counted(count)
            if operator in {"=~", "!~"}:
                left = self._match(left, operator)
                continue
            right = self._level(level + 1)
            left = Binary(operator, left, right, _cover(left.span, right.span))

    def _operator_of(self, level: int) -> str:
        """Take an operator of this level; nothing if there is none."""
        if self._is(*_LEVELS[level]):
            return self._next().text
        if level == _EQUALITY_LEVEL and self._is("not"):
            following = self._words[self._at + 1]
            if following.text == "in" and following.kind == "keyword":
                self._at += 2
                return "not in"
        return ""

    def _not(self) -> Expression:
        prefixes: list[Word] = []
        while self._is("not"):
            self._counted(len(prefixes))
            prefixes.append(self._next())
        operand = self._level(_NOT_LEVEL + 1)
        for word in reversed(prefixes[-2:] if len(prefixes) % 2 == 0 else prefixes[:1]):
            operand = Unary("not", operand, _cover(word.span, operand.span))
        return operand

    def _match(self, left: Expression, operator: str) -> Match:
        word = self._word
        if word.kind not in {"text", "pattern"}:
            raise self._fail(
                "expected a pattern",
                "it cannot be computed: write it in quotes or slashes",
            )
        self._next()
        return Match(
            left, str(word.value), operator == "!~", _cover(left.span, word.span)
        )

    def _sign(self) -> Expression:
        word = self._word
        count = 0
        is_negative = False
        while self._is("-", "+"):
            count = self._counted(count)
            is_negative ^= self._next().text == "-"
        operand = self._behind(self._operand())
        if not count:
            return operand
        span = _cover(word.span, operand.span)
        if isinstance(operand, Literal) and type(operand.value) in {int, float}:
            value = operand.value
            assert isinstance(value, int | float)
            return Literal(-value if is_negative else value, span)
        return Unary("-", operand, span) if is_negative else operand

    def _behind(self, operand: Expression) -> Expression:
        """Read ``.name``, ``[…]`` behind an operand."""
        count = 0
        while self._is(".", "["):
            count += 1
            if count > FILTERX_NESTING_MAX:
                raise self._error(
                    f"more than {FILTERX_NESTING_MAX} steps into a value",
                    self._word.span,
                )
            operand = self._step(operand)
        return operand

    def _step(self, operand: Expression) -> Expression:
        if self._take("."):
            word = self._word
            if word.kind not in {"name", "keyword"}:
                raise self._fail(
                    "expected a name behind '.'", 'write ["…"] for any other key'
                )
            self._next()
            return Attribute(operand, word.text, _cover(operand.span, word.span))
        self._expect("[")
        start = end = None
        is_slice = False
        if not self._is("]"):
            start = None if self._is("..") else self._expression()
            is_slice = self._take("..")
            if is_slice and not self._is("]"):
                end = self._expression()
        if is_slice and start is None and end is None:
            raise self._fail("expected an index")
        span = _cover(operand.span, self._expect("]").span)
        if is_slice:
            return Slice(operand, start, end, span)
        return Subscript(operand, start, span)

    def _operand(self) -> Expression:
        word = self._word
        match word.kind:
            case "number":
                self._next()
                assert not isinstance(word.value, str)
                if isinstance(word.value, int) and word.value >= 1 << 63:
                    raise self._error("a number of more than 64 bits", word.span)
                return Literal(word.value, word.span)
            case "text":
                self._next()
                text = str(word.value)
                if "$" in text:
                    return _template(text, word.span)
                return Literal(text, word.span)
            case "pattern":
                self._next()
                return Literal(str(word.value), word.span)
            case "reference":
                self._next()
                return Variable(word.text, is_message=True, span=word.span)
            case "name":
                return self._name()
            case "keyword":
                return self._keyword()
        if self._is("("):
            return self._parentheses()
        if self._is("["):
            return self._list()
        if self._is("{"):
            return self._dict()
        raise self._fail("expected a value")

    def _name(self) -> Expression:
        word = self._next()
        if self._is("("):
            arguments, span = self._arguments()
            return FunctionCall(
                word.text, arguments, _cover(word.span, span), word.span
            )
        following = self._word
        if following.kind in {"name", "text", "reference"} or following.text == "{":
            hint = _FOREIGN.get(word.text) or did_you_mean(word.text, KEYWORDS)
            if hint:
                raise self._error(f"unexpected '{word.text}'", word.span, hint)
        return Variable(word.text, is_message=False, span=word.span)

    def _arguments(self) -> tuple[tuple[Argument, ...], Span]:
        self._expect("(")
        found: list[Argument] = []
        while not self._is(")"):
            word = self._word
            following = self._words[min(self._at + 1, len(self._words) - 1)]
            name = ""
            if word.kind in {"name", "text", "keyword"} and following.text == "=":
                name = str(word.value)
                self._at += 2
            value = self._expression()
            found.append(Argument(name, value, _cover(word.span, value.span)))
            if not self._take(","):
                break
        return tuple(found), self._expect(")").span

    def _keyword(self) -> Expression:
        word = self._word
        if word.text in _CONSTANTS:
            self._next()
            return Literal(_CONSTANTS[word.text], word.span)
        match word.text:
            case "drop" | "done" | "break":
                self._next()
                return Control(word.text, word.span)
            case "isset":
                self._next()
                self._expect("(", "write isset(…)")
                operand = self._expression()
                return IsSet(operand, _cover(word.span, self._expect(")").span))
            case "dpath":
                return self._path()
            case "enum":
                raise self._error(
                    "enum() is not supported",
                    word.span,
                    "it names numbers of OpenTelemetry: write the number",
                )
        raise self._fail("expected a value")

    def _path(self) -> Path:
        start = self._next()
        self._expect("(", "write dpath(x.a.b) = …;")
        word = self._word
        if word.kind not in {"name", "reference"}:
            raise self._fail("expected a variable")
        self._next()
        is_message = word.kind == "reference"
        variable = Variable(word.text, is_message=is_message, span=word.span)
        steps: list[Expression] = []
        while self._is(".", "["):
            self._counted(len(steps))
            step = self._step(variable)
            if isinstance(step, Attribute):
                steps.append(Literal(step.name, step.span))
            elif isinstance(step, Subscript) and step.index is not None:
                steps.append(step.index)
            else:
                raise self._error("expected a key", step.span)
        if not steps:
            raise self._fail("expected '.' or '['")
        span = _cover(start.span, self._expect(")").span)
        return Path(variable, tuple(steps), span)

    def _parentheses(self) -> Expression:
        start = self._next()
        if self._is(")"):
            return ListLiteral((), _cover(start.span, self._next().span), is_tuple=True)
        first = self._expression()
        if not self._is(","):
            self._expect(")")
            return first
        items = [first]
        while self._take(","):
            if not self._is(")"):
                items.append(self._expression())
        span = _cover(start.span, self._expect(")").span)
        return ListLiteral(tuple(items), span, is_tuple=True)

    def _list(self) -> Expression:
        start = self._next()
        items: list[Expression] = []
        while not self._is("]"):
            items.append(self._expression())
            if not self._take(","):
                break
        return ListLiteral(tuple(items), _cover(start.span, self._expect("]").span))

    def _dict(self) -> Expression:
        start = self._next()
        items: list[tuple[Expression, Expression, bool]] = []
        while not self._is("}"):
            key = self._coalesced()
            is_optional = self._take(":??")
            if not is_optional:
                self._expect(":", "write { key: value }")
            items.append((key, self._expression(), is_optional))
            if not self._take(","):
                break
        return DictLiteral(tuple(items), _cover(start.span, self._expect("}").span))


def _template(text: str, span: Span) -> Expression:
    """Return the one reference that ``text`` is, or the template."""
    reference = _reference.fullmatch(text)
    if reference is None:
        return TemplateLiteral(text, span)
    return Variable(reference[1] or reference[2], is_message=True, span=span)


def _cover(first: Span, last: Span) -> Span:
    return Span(
        first.file,
        first.line,
        first.column,
        last.end_line,
        last.end_column,
        first.origin,
    )
