"""
From tokens to syntax nodes: statements, calls, braces.

Only brackets and semicolons are syntax here. What a statement means is decided by
``resolve.py``, ``paths.py`` and ``filters.py``, which can say much better what was
expected; options are read by their descriptors.

The parser knows in which *context* it is (``source``, ``log``, the inside of a
driver …), for there a name may be a block, which the preprocessor then replaces. This
is why a parser generator does not fit: what the next token is depends on what has
been recognised so far.

A syntax error is noted and the smallest thing is left out, so that one run shows all
of them. An error after which brackets mean nothing ends the reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from logferry.config.diagnostics import Diagnostics, did_you_mean
from logferry.config.filterx.parse import parse_filterx
from logferry.config.lexer import END, ConfigurationEnds, Token
from logferry.config.nodes import (
    Argument,
    Arrow,
    Block,
    Call,
    Code,
    Group,
    Listing,
    Number,
    Operator,
    Span,
    Statement,
    Text,
    Word,
)
from logferry.config.repair import (
    OBJECTS,
    ROOTS,
    begins_statement,
    missing_brace,
    name_of,
    names_in,
)
from logferry.limits import CONFIG_NESTING_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["Parser", "TokenStream", "parse_statements"]

_APPLICATIONS = frozenset({"application", "transformation"})
_PATHS = frozenset({"log", "junction", "channel", "if", "parallelize"})
_INSIDE_DRIVER = {"source": "inner-src", "destination": "inner-dest"}
_REMEDIES = {
    "=": "an option is written name(value), a comparison with eq or ==",
    "[": "lists need no brackets: write values one after the other",
    "]": "lists need no brackets: write values one after the other",
    ":": "take it out, or quote the string it belongs to",
    **dict.fromkeys("“”„«»", 'write "'),
    **dict.fromkeys("‘’‚", "write '"),
}
"""What to write instead of a character that means nothing."""
_OPENING = {")": "(", "}": "{", "]": "["}
_CLOSING = frozenset({"RBRACE", "RPAR", "SEMICOLON", "END"})


class _NewStatement(Exception):
    """A statement of the outermost level begins while brackets are open."""

    def __init__(self, words: list[Argument]) -> None:
        super().__init__()
        self.words = words


class TokenStream(Protocol):
    """What the parser reads from; ``current`` is the next token."""

    current: Token

    def advance(self) -> None:
        """Make the next token the current one."""

    def expand(self, context: str, name: Token) -> bool:
        """Replace the use of a block, if ``name`` is one in ``context``."""
        ...

    def expand_bare(self, name: Token) -> bool:
        """Replace the name of a ``filterx`` block without arguments."""
        ...

    def define_block(self, place: Span) -> None:
        """Read the rest of a ``block`` statement."""

    def include_old_style(self, word: Token) -> bool:
        """Read the rest of ``include "file";``, if this is one."""
        ...

    def define_application(self, kind: str, place: Span) -> None:
        """Read the rest of an ``application`` or ``transformation`` statement."""

    def fail(self, message: str, span: Span, hint: str = "") -> NoReturn:
        """Note an error and end the reading with ``ConfigurationEnds``."""


class _Plain:
    """Tokens of a text in which nothing is expanded."""

    def __init__(self, tokens: Iterable[Token], diagnostics: Diagnostics) -> None:
        self._tokens = iter(tokens)
        self._diagnostics = diagnostics
        self.current = END
        self.advance()

    def advance(self) -> None:
        self.current = next(self._tokens, END)

    def expand(self, context: str, name: Token) -> bool:
        del context, name
        return False

    def expand_bare(self, name: Token) -> bool:
        del name
        return False

    def define_block(self, place: Span) -> None:
        self.fail("a block cannot be defined here", place)

    def include_old_style(self, word: Token) -> bool:
        del word
        return False

    def define_application(self, kind: str, place: Span) -> None:
        self.fail(f"no {kind} can be defined here", place)

    def fail(self, message: str, span: Span, hint: str = "") -> NoReturn:
        self._diagnostics.error(message, span, hint)
        raise ConfigurationEnds


def parse_statements(
    tokens: Iterable[Token], diagnostics: Diagnostics
) -> list[Statement]:
    """Return the statements of a text without blocks, such as a filter's."""
    try:
        return Parser(_Plain(tokens, diagnostics), diagnostics).statements()
    except ConfigurationEnds:
        return []


class Parser:
    """Reads the statements of a whole configuration."""

    def __init__(self, tokens: TokenStream, diagnostics: Diagnostics) -> None:
        self._tokens = tokens
        self._diagnostics = diagnostics
        self._open: list[Token] = []
        self._root: list[Argument] = []
        self._is_damaged = False
        self._suspect: tuple[Token, Token] | None = None
        self._filterx: list[Token] = []
        self.doubtful: set[str] = set()

    def statements(self) -> list[Statement]:
        """
        Return all statements; problems go to the diagnostics.

        Raises ``ConfigurationEnds`` after an error that makes the rest meaningless.
        """
        found: list[Statement] = []
        self._root = []
        first = keyword_at = self._tokens.current.span
        while self._tokens.current.type != "END":
            token = self._tokens.current
            if token.type in {"RPAR", "RBRACE"}:
                self._closes_nothing(token)
                self._diagnostics.mute(keyword_at, token.span)
                continue
            if not self._root:
                first = token.span
            if token.text in ROOTS:
                keyword_at = token.span
            self._is_damaged = False
            try:
                statement = self._statement("root", self._root)
            except _NewStatement as new:
                self._report_unclosed(new)
                self._diagnostics.mute(first, new.words[0].span)
                self.doubtful.update(names_in(self._root))
                self._root, first = new.words, new.words[0].span
                continue
            self._root = []
            if self._is_damaged:
                self._diagnostics.mute(first, self._tokens.current.span)
            if statement is not None:
                found.append(statement)
        return found

    def _report_unclosed(self, new: _NewStatement) -> None:
        opening = self._open[-1]
        self._diagnostics.error(
            f"'{opening.text}' is not closed",
            opening.span,
            f"a new statement begins in line {new.words[0].span.line}",
        )
        self._open.clear()

    # -- statements ---------------------------------------------------------------

    def _statement(
        self, context: str, elements: list[Argument] | None = None
    ) -> Statement | None:
        """
        Read up to a semicolon, or up to the brace that closes what is around.

        ``elements`` were read before.
        """
        tokens = self._tokens
        elements = [] if elements is None else elements
        while True:
            token = tokens.current
            kind = token.type
            if kind == "SEMICOLON":
                tokens.advance()
                break
            if kind in {"RBRACE", "END"}:
                break
            if kind == "RPAR":
                self._closes_nothing(token)
                continue
            if context == "root" and not elements and token.text == "block":
                tokens.advance()
                tokens.define_block(token.span)
                continue
            if context == "root" and not elements and token.text in _APPLICATIONS:
                tokens.advance()
                tokens.define_application(token.text, token.span)
                continue
            if not elements and kind == "WORD" and self._goes_elsewhere(token):
                continue
            if context == "root" and elements and self._is_next(token, elements[-1]):
                break
            if token.span.column == 1 and token.text in ROOTS and self._open:
                self._suspect = self._suspect or (self._open[-1], token)
            element = self._element(context, elements)
            if element is not None:
                elements.append(element)
                self._repair(context, elements)
        if not elements:
            return None
        return Statement(tuple(elements), _cover(elements[0].span, elements[-1].span))

    def _repair(self, context: str, elements: list[Argument]) -> None:
        """Read what stands inside braces of which the first is missing."""
        head = missing_brace(context, elements, self._tokens.current.type)
        if not head:
            return
        opening = self._tokens.current
        place = elements[head - 1].span.behind
        name = " ".join(sorted(names_in(elements[:1])))
        self._syntax_error("'{' is missing", place, f"write {name} … {{ … }};")
        inner_context = _context_of_block(context, elements[:head])
        inside = elements[head:]
        del elements[head:]
        self._enter(opening)
        first = self._statement(inner_context, inside)
        assert first is not None, "it has at least one element"
        elements.append(
            self._rest_of_block(opening, inner_context, [first], is_repaired=True)
        )

    def _is_next(self, token: Token, last: Argument) -> bool:
        """Tell whether ``token`` begins a statement: then a semicolon is missing."""
        if token.text not in ROOTS or not isinstance(last, Block):
            return False
        self._syntax_error("expected ';' after '}'", last.span.behind, "")
        return True

    def _goes_elsewhere(self, token: Token) -> bool:
        """Read what begins like a statement and is none; tell whether it was one."""
        return token.text == "include" and self._tokens.include_old_style(token)

    def _block(self, context: str) -> Block:
        opening = self._tokens.current
        self._enter(opening)
        self._tokens.advance()
        return self._rest_of_block(opening, context, [])

    def _rest_of_block(
        self,
        opening: Token,
        context: str,
        found: list[Statement],
        *,
        is_repaired: bool = False,
    ) -> Block:
        """Read up to the brace that closes; perhaps both are missing."""
        while self._tokens.current.type not in {"RBRACE", "END"}:
            token = self._tokens.current
            if is_repaired and token.text in ROOTS and token.span.column == 1:
                self._open.pop()
                return Block(tuple(found), opening.span)
            statement = self._statement(context)
            if statement is not None:
                found.append(statement)
        closing = self._tokens.current
        if closing.type == "END":
            self._fail_unclosed(opening)
        self._open.pop()
        self._tokens.advance()
        return Block(tuple(found), _cover(opening.span, closing.span))

    # -- elements -----------------------------------------------------------------

    def _element(self, context: str, before: list[Argument]) -> Argument | None:
        """Read one element; ``None`` when it was left out or expanded."""
        tokens = self._tokens
        token = tokens.current
        kind = token.type
        if kind == "WORD":
            tokens.advance()
            following = tokens.current.type
            if before and isinstance(before[-1], Word) and before[-1].text == "filterx":
                context = "filterx"
            if following == "LPAR":
                if tokens.expand(context, token):
                    return None
                return self._call(token, _context_of_call(context, token.text))
            if context == "filterx" and tokens.expand_bare(token):
                return None
            word = Word(token.text, token.span)
            return self._arrow(word) if following == "ARROW" else word
        if kind == "TEXT":
            tokens.advance()
            text = Text(str(token.value), token.span)
            return self._arrow(text) if tokens.current.type == "ARROW" else text
        if kind == "LBRACE":
            if context != "root" and begins_statement(before):
                raise _NewStatement(before)
            return self._block(_context_of_block(context, before))
        if kind == "NUMBER":
            tokens.advance()
            assert not isinstance(token.value, str)
            number = Number(token.value, token.text, token.span)
            return self._arrow(number) if tokens.current.type == "ARROW" else number
        if kind == "OPERATOR":
            tokens.advance()
            return Operator(token.text, token.span)
        if kind == "LPAR":
            return self._group(context)
        if kind in {"RAW", "FILTERX"}:
            tokens.advance()
            if kind == "FILTERX":
                self._filterx.append(token)
            return Code(token.text, token.span)
        self._leave_out(token)
        return None

    def _call(self, name: Token, context: str) -> Call:
        arguments, closing = self._arguments(context, name)
        return Call(
            name_of(name.text),
            arguments,
            _cover(name.span, closing.span),
            name.span,
        )

    def _group(self, context: str) -> Group:
        opening = self._tokens.current
        arguments, closing = self._arguments(context, opening)
        return Group(arguments, _cover(opening.span, closing.span))

    def _arguments(
        self, context: str, name: Token
    ) -> tuple[tuple[Argument, ...], Token]:
        """Read ``( … )``; returns what stands inside and the last token."""
        tokens = self._tokens
        opening = tokens.current
        self._enter(opening)
        tokens.advance()
        found: list[Argument] = []
        while True:
            token = tokens.current
            kind = token.type
            if kind == "RPAR":
                tokens.advance()
                break
            if kind in {"RBRACE", "END"} or (
                kind == "SEMICOLON" and context != "filter"
            ):
                self._not_closed(name, opening, token)
                break
            if kind in {"COMMA", "SEMICOLON"}:
                tokens.advance()
                found.append(Operator(token.text, token.span))
                continue
            if token.text == "[" and kind == "BAD" and name.text == "options":
                found.append(self._listing())  # the arrow before it may be left out
                continue
            element = self._element(context, found)
            if element is not None:
                found.append(element)
        self._open.pop()
        return tuple(found), token

    def _not_closed(self, name: Token, opening: Token, token: Token) -> None:
        """Report a parenthesis that is open where ``token`` stands: the innermost."""
        del token
        hint = f"write ')' where {name.text} ends" if name is not opening else ""
        self._syntax_error("'(' is not closed", opening.span, hint)

    def _arrow(self, key: Word | Text | Number) -> Argument | None:
        arrow = self._tokens.current
        self._tokens.advance()
        if self._tokens.current.text == "[":
            listing = self._listing()
            return Arrow(key, listing, _cover(key.span, listing.span))
        if self._tokens.current.type not in {"WORD", "TEXT", "NUMBER"}:
            self._diagnostics.error("a value is missing after '=>'", arrow.span)
            return None
        value = self._element("", [])
        if isinstance(value, Word | Text | Number | Call):
            return Arrow(key, value, _cover(key.span, value.span))
        self._diagnostics.error("a value is missing after '=>'", arrow.span)
        return None

    def _listing(self) -> Listing:
        """Read ``["a", "b"]``; commas may be left out."""
        tokens = self._tokens
        opening = token = tokens.current
        items: list[Word | Text | Number] = []
        tokens.advance()
        while (token := tokens.current).text != "]" or token.type != "BAD":
            if token.type == "COMMA":
                tokens.advance()
                continue
            if token.type not in {"WORD", "TEXT", "NUMBER"}:
                self._syntax_error("'[' is not closed", opening.span, "write ']'")
                return Listing(tuple(items), opening.span)
            item = self._element("", [])
            if not isinstance(item, Word | Text | Number):
                self._syntax_error("expected a string in '[ … ]'", token.span, "")
                continue
            items.append(item)
        tokens.advance()
        return Listing(tuple(items), _cover(opening.span, token.span))

    # -- errors -------------------------------------------------------------------

    def _enter(self, opening: Token) -> None:
        self._open.append(opening)
        if len(self._open) > CONFIG_NESTING_MAX:
            self._tokens.fail(
                f"brackets nest more than {CONFIG_NESTING_MAX} deep", opening.span
            )

    def _closes_nothing(self, token: Token) -> None:
        opening = _OPENING[token.text]
        hint = f"take it out, or write the '{opening}' that is missing before it"
        self._syntax_error(f"'{token.text}' closes nothing", token.span, hint)
        self._tokens.advance()

    def _leave_out(self, token: Token) -> None:
        """Report a token that cannot stand here."""
        if token.type == "BAD" and token.text in "\"'":
            self._tokens.fail(
                f"the string is not closed: {token.text} is missing", token.span
            )
        if token.type == "BAD":
            first = self._root[0] if self._root else None
            word = first.text if isinstance(first, Word) else ""
            hint = "" if word in ROOTS else did_you_mean(word, (*ROOTS, "application"))
            message = f"unexpected character {token.text!r}"
            hint = hint or _REMEDIES.get(token.text, "quote strings")
            self._syntax_error(message, token.span, hint)
        else:
            message = f"syntax error, unexpected '{token.text}'"
            hint = "statements end with ';'" if token.text == "," else ""
            self._syntax_error(message, token.span, hint)
        self._tokens.advance()

    def _syntax_error(self, message: str, span: Span, hint: str) -> None:
        """Report the first mistake of a statement: it may bring many others."""
        if not self._is_damaged:
            self._diagnostics.error(message, span, hint)
        self._is_damaged = True

    def _report_filterx(self) -> None:
        """Report a wrong filterx block: a brace missing there is missed here."""
        for token in self._filterx:
            found = Diagnostics()
            parse_filterx(token.text, token.span, found)
            for item in found.items[:1]:
                self._tokens.fail(item.message, item.span, item.hint)

    def _fail_unclosed(self, opening: Token) -> NoReturn:
        """Report a brace that is open at the end: the one where it looks open."""
        self._report_filterx()
        hint = ""
        if self._suspect is not None:
            opening, begin = self._suspect
            hint = f"a new statement seems to begin in line {begin.span.line}"
        if self._is_damaged:
            raise ConfigurationEnds
        self._tokens.fail(f"'{opening.text}' is not closed", opening.span, hint)


def _context_of_call(context: str, name: str) -> str:
    """Return the context inside the parentheses of a call."""
    if name in {"if", "elif", "condition", "where", "having", "trigger"}:
        return "filter"
    if name == "filterx":
        return name
    if context == "log" and name in OBJECTS:
        return name
    if context == "filter":
        return "filter"
    return _INSIDE_DRIVER.get(context, context if context.startswith("inner") else "")


def _context_of_block(context: str, before: list[Argument]) -> str:
    """Return the context inside braces after the elements ``before``."""
    first = before[0] if before else None
    if isinstance(first, Call):
        word = first.name
    elif isinstance(first, Word):
        word = name_of(first.text)
    else:
        word = ""
    if word in _PATHS:
        return "log"
    if word in OBJECTS or (context == "root" and word == "options"):
        return word
    return context


def _cover(first: Span, last: Span) -> Span:
    """Return the place from ``first`` to ``last``; only ``first`` across texts."""
    if first is last or first.file != last.file or last.end_line < first.line:
        return first
    return Span(
        first.file,
        first.line,
        first.column,
        last.end_line,
        last.end_column,
        first.origin,
    )
