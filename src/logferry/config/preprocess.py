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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from logferry.config.applications import (
    Application,
    application_chain,
    read_app_parser,
    read_sections,
)
from logferry.config.backticks import UNEXPANDED, Backticks
from logferry.config.blocks import (
    BUILT_IN_BLOCKS,
    CONTEXTS,
    VARARGS,
    BlockDefinition,
    Generator,
    argument_name,
    bind_arguments,
    read_generator,
    read_parameters,
    split_calls,
    text_of_tokens,
)
from logferry.config.diagnostics import Diagnostics, did_you_mean
from logferry.config.elsewhere import INSTEAD_OF_TRANSFORMATIONS
from logferry.config.filterx.parse import parse_filterx
from logferry.config.lexer import BACKTICK, END, ConfigurationEnds, Token, tokenize
from logferry.config.nodes import NOWHERE, Span
from logferry.config.pragmas import (
    PRAGMAS,
    move_lines,
    pragma_value,
    read_version,
    requires,
    split_pragma,
)
from logferry.config.sources import SourceText
from logferry.config.versions import INCLUDE_NEEDS_AT
from logferry.errors import LogferryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.config.blocks import Arguments
    from logferry.config.sources import IncludePath

__all__ = ["Environment", "Preprocessor"]

_NO_FILE = SourceText("", "")


@dataclass(slots=True)
class _Frame:
    """Tokens that are being read, and the arguments their backticks mean."""

    tokens: list[Token]
    index: int = 0
    arguments: Arguments | None = None
    source: SourceText = _NO_FILE


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
        version: what ``@version`` says.
        blocks: block definitions by context and name.
        doubtful: names of blocks whose definitions are wrong.
        passed: the texts of all tokens so far: the expanded configuration.

    """

    def __init__(
        self,
        source: SourceText,
        includes: IncludePath,
        environment: Environment,
        diagnostics: Diagnostics,
    ) -> None:
        self.version: tuple[int, int] | None = None
        self.blocks: dict[tuple[str, str], BlockDefinition] = {}
        self._applications: list[Application] = []
        self._backticks = Backticks(
            dict(includes.defines), environment.variables, diagnostics
        )
        self.passed: list[str] = []
        self.doubtful: set[str] = set()
        self._includes = includes
        self._environment = environment
        self._diagnostics = diagnostics
        self._frame = _Frame(self._tokens(source), source=source)
        self._frames: list[_Frame] = []
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
                if token.type in UNEXPANDED:
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

    def defined(self, name: str) -> str:
        """Return a ``@define``d value, or nothing."""
        return self._backticks.defines.get(name, "")

    def fail(self, message: str, span: Span, hint: str = "") -> NoReturn:
        """Note an error after which nothing can be understood, and end the reading."""
        self._diagnostics.error(message, span, hint)
        raise ConfigurationEnds

    def _push(self, frame: _Frame) -> None:
        self._frames.append(self._frame)
        self._frame = frame

    def _unread(self) -> None:
        """Put the current token back: what is pushed now comes before it."""
        self._push(_Frame([self.current]))

    def _special(self, token: Token, frame: _Frame) -> None:
        if token.type == "PRAGMA":
            self._read_pragma(token, frame)
        elif token.type == "TICKED":
            self._expand_word(token, frame)
        elif token.type == "OPEN_FILTERX":
            self._fail_open_filterx(token)
        elif token.type == "TICKED_FILTERX":
            code = self._backticks.filterx(token, frame.arguments)
            self._push(_Frame([Token("FILTERX", code, code, token.span)]))
        else:
            value = self._backticks.text(token, frame.arguments)
            quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("`", "``")
            quoted = quoted.replace("\0", "\\x00")
            self._push(_Frame([Token("TEXT", value, f'"{quoted}"', token.span)]))

    def _fail_open_filterx(self, token: Token) -> NoReturn:
        """Report a block of filterx that does not end: the first mistake in it."""
        found = Diagnostics()
        parse_filterx(token.text, token.span, found)
        for item in found.items[:1]:
            self.fail(item.message, item.span, item.hint)
        self.fail("'{' is not closed", token.span)

    # -- backticks ----------------------------------------------------------------

    def _expand_word(self, token: Token, frame: _Frame) -> None:
        """Push what a word with backticks stands for."""
        reference = BACKTICK.fullmatch(token.text)
        arguments = frame.arguments or {}
        if reference is not None:
            key = argument_name(reference[1])
            if key in arguments:
                tokens = self._backticks.moved(arguments[key], token.span)
                self._push(_Frame(tokens, arguments=arguments))
                return
        text = self._backticks.substitute(token.text, token.span, frame.arguments)
        tokens = [
            item._replace(span=token.span)
            for item in tokenize(SourceText("", text))
            if item.type not in UNEXPANDED
        ]
        self._backticks.count(len(tokens), token.span)
        self._push(_Frame(tokens))

    # -- blocks -------------------------------------------------------------------

    def define_block(self, place: Span) -> None:
        """Read the rest of a ``block`` statement; its first word was read."""
        mark = len(self.passed) - 2
        self._read_definition(place)
        del self.passed[mark:]
        self.passed.append(self.current.text)

    def _read_definition(self, place: Span) -> None:
        context = self.current
        self.advance()
        name = self.current
        self.advance()
        self.doubtful.add(_dashed(name.text))  # until it is there
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
        with_filterx = self._frame.tokens[self._frame.index : self._frame.index + 1]
        if with_filterx and with_filterx[0].type in {"FILTERX", "TICKED_FILTERX"}:
            self._frame.index += 1
            block.body = with_filterx
            self.advance()
            self.blocks[kind, block.name] = block
            self.doubtful.discard(block.name)
            return
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
        self.doubtful.discard(block.name)

    def _define_built_in(self, context: str, name: str) -> None:
        """Define a block that is there without the library."""
        place = NOWHERE._replace(file=f"scl/{name}.conf")
        generator = Generator("python", BUILT_IN_BLOCKS[context, name])
        self.blocks[context, name] = BlockDefinition(
            context, name, place, {}, takes_more=True, body=generator
        )

    def define_application(self, kind: str, place: Span) -> None:
        """Read the rest of an ``application`` statement; its first word was read."""
        mark = len(self.passed) - 2
        words: list[Token] = []
        while self.current.type not in {"LBRACE", "SEMICOLON", "END"}:
            words.append(self.current)
            self.advance()
        body: list[Token] = []
        if self.current.type == "LBRACE":
            body = self._raw_group("LBRACE", "RBRACE", self.current.span)
            self.advance()
        del self.passed[mark:]
        self.passed.append(self.current.text)
        if len(words) != 4 or (words[1].text, words[3].text) != ("[", "]"):
            self._diagnostics.error(
                f"expected a name, a topic and braces after {kind}",
                place,
                f"write {kind} name[topic] {{ … }};",
            )
            return
        if kind == "transformation":
            self._diagnostics.error(
                "transformations are written in filterx, and not read here",
                place,
                INSTEAD_OF_TRANSFORMATIONS,
            )
            return
        name, _, topic, _ = (str(word.value) for word in words)
        sections = read_sections(body, self._diagnostics)
        self._applications.append(Application(name, topic, words[0].span, sections))

    def _expand_app_parser(self, name: Token) -> bool:
        mark = len(self.passed) - 2
        arguments = self._read_arguments(name)
        del self.passed[mark:]
        wanted = read_app_parser(arguments, name.span, self._diagnostics)
        self._unread()
        chain = application_chain(
            wanted, self._applications, name.span, self._backticks.moved
        )
        self._push(_Frame(chain))
        self.advance()
        return True

    def unused_blocks(self) -> dict[tuple[str, str], Span]:
        """Return where blocks of the main file are that nothing used."""
        return {
            key: block.span
            for key, block in self.blocks.items()
            if not block.is_used
            and block.span.origin is None  # included files are libraries
            and not block.span.file.startswith("scl/")
        }

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
            if token.type in UNEXPANDED and frame.arguments:
                names = {argument_name(name) for name in BACKTICK.findall(token.text)}
                if names & frame.arguments.keys():
                    found += self._backticks.plain([token], token.span, frame.arguments)
                    continue
            found.append(token)

    def expand(self, context: str, name: Token) -> bool:
        """
        Expand the block called ``name`` if there is one in ``context``.

        The current token is the parenthesis after the name. Returns whether it was a
        block; the current token is then the first one of its text.
        """
        key = context, _dashed(name.text)
        if key in BUILT_IN_BLOCKS and key not in self.blocks:
            self._define_built_in(*key)
        block = self.blocks.get(key)
        if block is None:
            if context == "parser" and _dashed(name.text) == "app-parser":
                return self._expand_app_parser(name)
            return False
        block.is_used = True
        mark = len(self.passed) - 2
        arguments = self._read_arguments(name)
        del self.passed[mark:]
        values = bind_arguments(block, arguments, name.span, self._diagnostics)
        self._unread()
        if values is None:
            pass
        elif isinstance(block.body, Generator):
            self._push(self._generate(block.body, values, name))
        else:
            self._push(
                _Frame(self._backticks.moved(block.body, name.span), arguments=values)
            )
        self.advance()
        return True

    def expand_bare(self, name: Token) -> bool:
        """
        Expand a ``filterx`` block whose name stands alone: ``filterx(name)``.

        The current token is the one after the name.
        """
        block = self.blocks.get(("filterx", _dashed(name.text)))
        if block is None:
            return False
        block.is_used = True
        values = bind_arguments(block, [], name.span, self._diagnostics)
        del self.passed[-2:]
        self._unread()
        if values is not None and not isinstance(block.body, Generator):
            body = self._backticks.moved(block.body, name.span)
            self._push(_Frame(body, arguments=values))
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
        calls, _ = split_calls(values.get(VARARGS, []))
        tokens = {argument_name(key.text): inside for key, inside in calls}
        arguments = {key: text_of_tokens(inside) for key, inside in tokens.items()}
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
        self._backticks.check_depth(name.span)
        source = SourceText(f"<{name.text}()>", text, name.span)
        made = self._tokens(source)
        self._backticks.count(len(made), name.span)
        return _Frame(made, arguments=tokens, source=source)

    # -- pragmas ------------------------------------------------------------------

    def include_old_style(self, word: Token) -> bool:
        """Read the rest of ``include "file";``, which ended with @version 3.20."""
        frame = self._frame
        following = frame.tokens[frame.index : frame.index + 2]
        kinds = [token.type for token in following]
        if kinds == ["TEXT", "SEMICOLON"]:
            name = str(following[0].value)
        elif kinds == ["TICKED_TEXT", "SEMICOLON"]:
            name = self._backticks.text(following[0], frame.arguments)
        else:
            return False
        del self.passed[-1:]
        frame.index += 2
        message, hint = "include is written with an @", f'write @include "{name}"'
        if self.version is not None and self.version < INCLUDE_NEEDS_AT:
            self._diagnostics.warning(message, word.span, hint, rule="obsolete-name")
        else:
            self._diagnostics.error(message, word.span, hint)
        self._include(name, frame, word.span)
        self.advance()
        return True

    def _read_pragma(self, token: Token, frame: _Frame) -> None:
        name, rest = split_pragma(token.text)
        span = token.span
        if "`" in rest:
            rest = self._backticks.substitute(rest, span, frame.arguments)
        match name:
            case "version":
                version = read_version(pragma_value(rest), span, self._diagnostics)
                self.version = version
            case "include":
                self._include(pragma_value(rest), frame, span)
            case "define":
                self._define(rest, span)
            case "module" if rest.startswith("confgen"):
                block = read_generator(rest, span, self._diagnostics)
                if block is not None:
                    self.blocks[block.context, block.name] = block
            case "module" | "requires":
                is_met = requires(
                    rest,
                    span,
                    self._diagnostics,
                    is_module=name == "module",
                    is_main=frame.source.origin is None,
                )
                if not is_met:
                    frame.index = len(frame.tokens)
            case "line":
                move_lines(frame.tokens, frame.index, rest, span, self._diagnostics)
            case "config-id":
                pass  # names a configuration for its authors
            case _:
                self._diagnostics.error(
                    f"unknown pragma @{name}", span, did_you_mean(name, PRAGMAS)
                )

    def _define(self, rest: str, span: Span) -> None:
        name, *value = rest.split(None, 1) or [""]
        if not name:
            self._diagnostics.error(
                "@define needs a name", span, "write @define name value"
            )
            return
        self._backticks.defines[name] = pragma_value("".join(value))

    def _include(self, name: str, frame: _Frame, span: Span) -> None:
        sources = self._includes.include(name, frame.source, span)
        for included in reversed(sources):
            self._push(_Frame(self._tokens(included), source=included))

    def _tokens(self, source: SourceText) -> list[Token]:
        """Return the tokens of a file; end the reading if it is no text."""
        at = source.text.find("\0")
        if at >= 0:
            line = source.text.count("\n", 0, at) + 1
            column = at - source.text.rfind("\n", 0, at)
            place = Span(source.name, line, column, line, column + 1, source.origin)
            self.fail("a NUL byte", place, "is this a text file?")
        return tokenize(source)


def _dashed(text: str) -> str:
    return text.lower().replace("_", "-")
