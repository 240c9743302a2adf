"""
The stream of tokens that the parser reads, with everything expanded.

A stack of frames: a file, the body of a block, an argument. ``@include`` and the use
of a block push a frame; its end goes back to the one below. The parser says in which
context it is, for only there a name can be a block.

Every token keeps its true place. What comes from an expansion has the place that led
to it as ``origin``: a mistake in a block's body names the library's line and the use,
a mistake in an argument the user's line and the line of the library that used it.
Expansion is bounded by depth (the chain of origins) and by the number of tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from logferry.config.blocks import (
    CONTEXTS,
    VARARGS,
    BlockDefinition,
    Generator,
    argument_name,
    bind_arguments,
    read_generator,
    read_parameters,
    text_of_tokens,
)
from logferry.config.diagnostics import did_you_mean
from logferry.config.lexer import (
    BACKTICK,
    END,
    ConfigurationEnds,
    Token,
    tokenize,
    unescape,
    unquote,
)
from logferry.config.modules import BUILT_IN, ELSEWHERE
from logferry.config.nodes import Span
from logferry.config.sources import SourceText
from logferry.errors import LogferryError
from logferry.limits import CONFIG_EXPANSION_DEPTH_MAX, CONFIG_EXPANSION_TOKENS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.config.blocks import Arguments
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.sources import IncludePath

__all__ = ["CURRENT_VERSION", "Environment", "Preprocessor"]

CURRENT_VERSION = (4, 27)
"""The configuration version that is spoken; newer ones are read as this one."""

_SPECIAL = frozenset({"PRAGMA", "TICKED", "TICKED_TEXT"})
_pragma = re.compile(r"\s*@([A-Za-z][-A-Za-z_]*)[ \t]*:?[ \t]*(.*)", re.DOTALL)
_line_pragma = re.compile(r"""(?:"([^"]*)"|'([^']*)')?\s*[,:]?\s*(\d+)?.*""", re.DOTALL)


_NO_FILE = SourceText("", "")


@dataclass(slots=True)
class _Frame:
    """Tokens that are being read, and the arguments their backticks mean."""

    tokens: list[Token]
    index: int = 0
    arguments: Arguments | None = None
    source: SourceText = _NO_FILE


@dataclass(slots=True)
class Pragmas:
    """What the pragmas of all files came to."""

    version: tuple[int, int] | None = None
    version_span: Span | None = None
    has_library: bool = False


@dataclass(slots=True)
class Environment:
    """
    What a configuration reads from around it.

    Attributes:
        variables: the process's environment.
        run: runs a config generator with its arguments and returns its text; raises
            ``LogferryError``. Absent: generators are refused.

    """

    variables: Mapping[str, str] = field(default_factory=dict)
    run: Callable[[str, str, Mapping[str, str]], str] | None = None


class Preprocessor:
    """
    Hands out expanded tokens, one ahead.

    Attributes:
        current: the next token of the parser; ``END`` after the last.

    """

    def __init__(
        self,
        source: SourceText,
        includes: IncludePath,
        environment: Environment,
        diagnostics: Diagnostics,
    ) -> None:
        self.pragmas = Pragmas()
        self.blocks: dict[tuple[str, str], BlockDefinition] = {}
        self.defines: dict[str, str] = dict(includes.defines)
        self.passed: list[str] = []  # texts of all tokens, for the expanded text
        self._includes = includes
        self._environment = environment
        self._diagnostics = diagnostics
        self._frame = _Frame(tokenize(source), source=source)
        self._frames: list[_Frame] = []
        self._expanded_count = 0
        self.current = END
        self.advance()

    # -- reading ------------------------------------------------------------------

    def advance(self) -> None:
        """Make the next token the current one."""
        frame = self._frame
        while True:
            if frame.index < len(frame.tokens):
                token = frame.tokens[frame.index]
                frame.index += 1
                if token.type in _SPECIAL:
                    self._special(token, frame)
                    frame = self._frame
                    continue
                self.current = token
                self.passed.append(token.text)
                return
            if not self._frames:
                self.current = END
                return
            frame = self._frame = self._frames.pop()

    def fail(self, message: str, span: Span, hint: str = "") -> NoReturn:
        """Note an error after which nothing can be understood, and end the reading."""
        self._diagnostics.error(message, span, hint)
        raise ConfigurationEnds

    def _push(self, frame: _Frame) -> None:
        self._frames.append(self._frame)
        self._frame = frame

    def _unread(self) -> None:
        """Put the current token back: what is pushed now comes before it."""
        self.passed.pop()
        self._push(_Frame([self.current]))

    def _special(self, token: Token, frame: _Frame) -> None:
        if token.type == "PRAGMA":
            self._read_pragma(token, frame)
        elif token.type == "TICKED":
            self._expand_word(token, frame)
        else:
            value = self._expand_text(token, frame.arguments)
            quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            self._push(_Frame([Token("TEXT", value, quoted, token.span)]))

    # -- backticks ----------------------------------------------------------------

    def _expand_word(self, token: Token, frame: _Frame) -> None:
        """Push what a word with backticks stands for."""
        reference = BACKTICK.fullmatch(token.text)
        arguments = frame.arguments or {}
        if reference is not None:
            key = argument_name(reference[1])
            if key in arguments:
                tokens = self._moved(arguments[key], token.span)
                self._push(_Frame(tokens, arguments=arguments))
                return
        text = self._substitute(token.text, token.span, frame.arguments)
        tokens = [
            item._replace(span=token.span)
            for item in tokenize(SourceText("", text))
            if item.type not in _SPECIAL
        ]
        self._count(len(tokens), token.span)
        self._push(_Frame(tokens))

    def _expand_text(self, token: Token, arguments: Arguments | None) -> str:
        """Return the value of a string with backticks."""
        is_raw = token.text[0] == "'"
        pieces = BACKTICK.split(token.text[1:-1])
        for index, piece in enumerate(pieces):
            if index % 2:
                pieces[index] = self._value(piece, token.span, arguments)
            elif not is_raw:
                pieces[index] = unescape(piece)
        return "".join(pieces)

    def _substitute(self, text: str, span: Span, arguments: Arguments | None) -> str:
        return BACKTICK.sub(lambda match: self._value(match[1], span, arguments), text)

    def _value(self, name: str, span: Span, arguments: Arguments | None) -> str:
        """Return what a reference stands for, as text."""
        if not name:
            return "`"
        if arguments is not None:
            tokens = arguments.get(argument_name(name))
            if tokens is not None:
                return text_of_tokens(self._plain(tokens, span, arguments))
        for values in (self.defines, self._environment.variables):
            if name in values:
                return values[name]
        if argument_name(name) != VARARGS:
            self._diagnostics.warning(
                f"`{name}` is not defined and stands for nothing",
                span,
                f"write @define {name} value, or set it in the environment",
                rule="undefined-variable",
            )
        return ""

    def _plain(
        self, tokens: list[Token], span: Span, arguments: Arguments
    ) -> list[Token]:
        """Return ``tokens`` without backticks: defaults may refer to others."""
        if not any(token.type in _SPECIAL for token in tokens):
            return tokens
        found = []
        for token in self._moved(tokens, span):
            if token.type == "TICKED_TEXT":
                value = self._expand_text(token, arguments)
                found.append(Token("TEXT", value, f'"{value}"', token.span))
            elif token.type == "TICKED":
                text = self._substitute(token.text, token.span, arguments)
                found.append(Token("WORD", text, text, token.span))
            else:
                found.append(token)
        return found

    def _moved(self, tokens: list[Token], origin: Span) -> list[Token]:
        """Return ``tokens`` with the place that led to them."""
        self._check_depth(origin)
        self._count(len(tokens), origin)
        return [
            token._replace(span=token.span._replace(origin=origin)) for token in tokens
        ]

    def _check_depth(self, span: Span) -> None:
        depth = 0
        place: Span | None = span
        while place is not None:
            depth += 1
            place = place.origin
        if depth > CONFIG_EXPANSION_DEPTH_MAX:
            self.fail(
                f"blocks nest more than {CONFIG_EXPANSION_DEPTH_MAX} deep",
                _user_place(span),
                "does a block use itself?",
            )

    def _count(self, tokens: int, span: Span) -> None:
        self._expanded_count += tokens
        if self._expanded_count > CONFIG_EXPANSION_TOKENS_MAX:
            self.fail(
                f"blocks expand to more than {CONFIG_EXPANSION_TOKENS_MAX:,} words",
                _user_place(span),
                "does every block use several others?",
            )

    # -- blocks -------------------------------------------------------------------

    def define_block(self, place: Span) -> None:
        """Read the rest of a ``block`` statement; its first word was read."""
        context = self.current
        self.advance()
        name = self.current
        self.advance()
        if context.type != "WORD" or name.type != "WORD" or self.current.type != "LPAR":
            self._diagnostics.error(
                "expected a context, a name and parentheses after block",
                place,
                "write block destination name(parameter()) { … };",
            )
            return
        kind = _dashed(context.text)
        block = BlockDefinition(kind, _dashed(name.text), name.span)
        parameters = self._raw_group("LPAR", "RPAR", self.current.span)
        read_parameters(block, parameters, self._diagnostics)
        self.advance()
        if self.current.type != "LBRACE":
            self._diagnostics.error(
                f"the body of block {block.name}() is missing",
                name.span,
                "write { … } after its parameters",
            )
            return
        block.body = self._raw_group("LBRACE", "RBRACE", self.current.span)
        self.advance()
        if kind not in CONTEXTS:
            self._diagnostics.error(
                f"blocks of kind '{context.text}' do not exist",
                context.span,
                did_you_mean(kind, CONTEXTS) or "expected " + ", ".join(CONTEXTS),
            )
            return
        self.blocks[kind, block.name] = block

    def _raw_group(self, opening: str, closing: str, place: Span) -> list[Token]:
        """
        Return the tokens up to the bracket that closes, as they are.

        Only references to arguments of the block around are resolved.
        """
        frame = self._frame
        found: list[Token] = []
        depth = 1
        while True:
            if frame.index == len(frame.tokens):
                bracket = "(" if opening == "LPAR" else "{"
                self.fail(f"'{bracket}' is not closed", place)
            token = frame.tokens[frame.index]
            frame.index += 1
            depth += (token.type == opening) - (token.type == closing)
            if not depth:
                return found
            if token.type in _SPECIAL and frame.arguments:
                names = {argument_name(name) for name in BACKTICK.findall(token.text)}
                if names & frame.arguments.keys():
                    found += self._plain([token], token.span, frame.arguments)
                    continue
            found.append(token)

    def expand(self, context: str, name: Token) -> bool:
        """
        Expand the block called ``name`` if there is one in ``context``.

        The current token is the parenthesis after the name. Returns whether it was a
        block; the current token is then the first one of its text.
        """
        block = self.blocks.get((context, _dashed(name.text)))
        if block is None:
            return False
        arguments = self._read_arguments(name)
        values = bind_arguments(block, arguments, name.span, self._diagnostics)
        self._unread()
        if isinstance(block.body, Generator):
            self._push(self._generate(block.body, values, name))
        else:
            self._push(_Frame(self._moved(block.body, name.span), arguments=values))
        self.advance()
        return True

    def _read_arguments(self, name: Token) -> list[Token]:
        """Read ``( … )`` and return the inside; the current token is then behind it."""
        found: list[Token] = []
        depth = 0
        while True:
            token = self.current
            depth += (token.type == "LPAR") - (token.type == "RPAR")
            found.append(token)
            if token.type == "END":
                self.fail(f"'(' after {name.text} is not closed", name.span)
            self.advance()
            if not depth:
                return found[1:-1]

    def _generate(self, generator: Generator, values: Arguments, name: Token) -> _Frame:
        """Return what a generator prints, as a frame."""
        run = self._environment.run
        arguments: dict[str, str] = {}
        more = values.get(VARARGS, [])
        index = 0
        while index < len(more):
            end = _call_end(more, index)
            key = argument_name(more[index].text)
            arguments[key] = text_of_tokens(more[index + 2 : end])
            index = end + 1
        text = ""
        try:
            if run is None:
                self._diagnostics.error("config generators are off", name.span)
            else:
                text = run(generator.kind, generator.command, arguments)
        except LogferryError as error:
            self._diagnostics.error(
                f"the config generator of {name.text}() failed: {error}", name.span
            )
        self._check_depth(name.span)
        source = SourceText(f"<{generator.command}>", text, name.span)
        tokens = tokenize(source)
        self._count(len(tokens), name.span)
        return _Frame(tokens, source=source)

    # -- pragmas ------------------------------------------------------------------

    def _read_pragma(self, token: Token, frame: _Frame) -> None:
        match = _pragma.match(token.text)
        assert match is not None
        name, rest = match[1].lower(), match[2].strip()
        span = token.span
        if "`" in rest:
            rest = self._substitute(rest, span, frame.arguments)
        match name:
            case "version":
                self._set_version(_without_comment(rest), span)
            case "include":
                self._include(unquote(_without_comment(rest)), frame, span)
            case "define":
                define, _, value = rest.partition(" ")
                self.defines[define] = unquote(_without_comment(value.strip()))
            case "module":
                self._require(rest, span, frame, is_module=True)
            case "requires":
                self._require(rest, span, frame, is_module=False)
            case "line":
                self._set_line(rest, span, frame)
            case "config-id":
                pass  # names a configuration for its authors
            case _:
                self._diagnostics.error(
                    f"unknown pragma @{name}",
                    span,
                    did_you_mean(name, ("version", "include", "define", "module")),
                )

    def _include(self, name: str, frame: _Frame, span: Span) -> None:
        source = frame.source
        sources = self._includes.include(name, source, span)
        if name.endswith("scl.conf"):
            self.pragmas.has_library = True
        for included in reversed(sources):
            self._push(_Frame(tokenize(included), source=included))

    def _set_line(self, rest: str, span: Span, frame: _Frame) -> None:
        """``@line "file":10``: what follows comes from there, says its writer."""
        match = _line_pragma.fullmatch(rest)
        if match is None or match[3] is None:
            self._diagnostics.error(
                "@line needs a line number", span, 'write @line "file":10'
            )
            return
        name = match[1] or match[2] or span.file
        shift = int(match[3]) - span.line - 1
        for index in range(frame.index, len(frame.tokens)):
            token = frame.tokens[index]
            place = token.span
            moved = place._replace(
                file=name, line=place.line + shift, end_line=place.end_line + shift
            )
            frame.tokens[index] = token._replace(span=moved)

    def _require(
        self, rest: str, span: Span, frame: _Frame, *, is_module: bool
    ) -> None:
        words = rest.split(None, 1)
        if not words:
            self._diagnostics.error("the name of a module is missing", span)
            return
        name = unquote(words[0]).replace("_", "-")
        name = name.removeprefix("mod-")
        if is_module and name == "confgen":
            block = read_generator(rest, span, self._diagnostics)
            if block is not None:
                self.blocks[block.context, block.name] = block
            return
        if name in BUILT_IN:
            return
        message = unquote(words[1].strip()) if len(words) > 1 and not is_module else ""
        if name in ELSEWHERE or f"mod-{name}" in ELSEWHERE:
            if is_module:
                self._diagnostics.warning(
                    f"@module {name} loads nothing: logferry does not have it", span
                )
            elif not message and frame.source.origin is not None:
                frame.index = len(frame.tokens)  # an optional file: leave it out
            else:
                self._diagnostics.error(
                    message or f"logferry has no module '{name}'", span
                )
            return
        self._diagnostics.error(
            f"unknown module '{name}'",
            span,
            did_you_mean(name, [*BUILT_IN, *ELSEWHERE]),
        )

    def _set_version(self, text: str, span: Span) -> None:
        numbers = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?", text)
        if text == "current":
            self.pragmas.version = CURRENT_VERSION
        elif numbers is None:
            self._diagnostics.error(
                f"@version is not a version: '{text}'", span, "write @version: 4.27"
            )
            self.pragmas.version = CURRENT_VERSION
        else:
            version = int(numbers[1]), int(numbers[2])
            if version < (3, 0):
                self._diagnostics.error(
                    "compatibility with configurations below 3.0 was dropped", span
                )
            elif version > CURRENT_VERSION:
                self._diagnostics.warning(
                    f"@version {text} is newer than what logferry knows and is read"
                    " as 4.27",
                    span,
                    rule="version",
                )
            self.pragmas.version = min(version, CURRENT_VERSION)
        self.pragmas.version_span = span


def _without_comment(text: str) -> str:
    """Return a pragma's argument without what follows it."""
    quoted = re.match(r"""("(?:[^"\\]|\\.)*"|'[^']*')""", text, re.DOTALL)
    return quoted[1] if quoted else text.partition("#")[0].strip().rstrip(";").strip()


def _call_end(tokens: list[Token], start: int) -> int:
    """Return the index of the parenthesis that closes the call at ``start``."""
    depth = 0
    for index in range(start, len(tokens)):
        kind = tokens[index].type
        depth += (kind == "LPAR") - (kind == "RPAR")
        if kind == "RPAR" and not depth:
            return index
    return len(tokens)


def _dashed(text: str) -> str:
    return text.lower().replace("_", "-")


def _user_place(span: Span) -> Span:
    """Return the outermost place: what the user wrote."""
    while span.origin is not None:
        span = span.origin
    return span
