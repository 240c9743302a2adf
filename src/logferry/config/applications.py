"""
Applications: how the messages of a program are recognised, and what takes them apart.

``application sudo[syslog] { filter { … }; parser { … }; };`` registers one for the
topic ``syslog``. ``parser { app-parser(topic(syslog)); }`` becomes a chain that asks
the filter of each application of its topic in the order they were written; the first
one that fits *and* can parse the message has it, which is then tagged ``.app.sudo``
and has the name in ``${.app.name}``. A message that belongs to none leaves the path,
as with any parser that fails; ``permissive(yes)`` lets it pass.

The chain is text between the tokens of the applications: these keep their places, so
a mistake in a filter is shown where the filter was written.

Source: the reference's ``appmodel`` module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logferry.config.blocks import argument_name, split_calls, text_of_tokens
from logferry.config.diagnostics import did_you_mean
from logferry.config.lexer import tokenize
from logferry.config.sources import SourceText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.lexer import Token
    from logferry.config.nodes import Span

__all__ = ["AppParser", "Application", "application_chain", "read_app_parser"]

_SECTIONS = frozenset({"filter", "parser"})
_YES = frozenset({"yes", "on", "true", "1"})
_NO = frozenset({"no", "off", "false", "0"})
_SWITCHES = ("auto-parse", "allow-overlaps", "permissive")
_LISTS = ("auto-parse-include", "auto-parse-exclude")
_REFUSED = "filter { '' eq 'no application'; };"


@dataclass(frozen=True, slots=True)
class Application:
    """
    An application of a topic.

    Attributes:
        sections: the tokens inside ``filter { … }`` and ``parser { … }``.

    """

    name: str
    topic: str
    span: Span
    sections: dict[str, list[Token]]


@dataclass(slots=True)
class AppParser:
    """
    What is between the parentheses of ``app-parser()``.

    Attributes:
        topic: the applications that are asked.
        auto_parse: off, the parser lets nothing pass.
        allow_overlaps: every application that fits parses; none is named.
        permissive: a message of no application passes.
        only: names of applications, or empty for all of the topic.
        without: names of applications that are left out.

    """

    topic: str = ""
    auto_parse: bool = True
    allow_overlaps: bool = False
    permissive: bool = False
    only: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    def takes(self, application: Application) -> bool:
        """Whether ``application`` is asked."""
        return (
            application.topic == self.topic
            and (not self.only or application.name in self.only)
            and application.name not in self.without
        )


def read_sections(
    tokens: Sequence[Token], diagnostics: Diagnostics
) -> dict[str, list[Token]]:
    """Return the tokens inside each ``filter { … }`` and ``parser { … }``."""
    sections: dict[str, list[Token]] = {}
    name: Token | None = None
    depth, start = 0, 0
    for index, token in enumerate(tokens):
        if token.type == "LBRACE":
            start = start if depth else index + 1
            depth += 1
        elif token.type == "RBRACE":
            depth -= 1
            if not depth and name is not None:
                sections[name.text] = list(tokens[start:index])
                name = None
        elif depth or token.type == "SEMICOLON":
            continue
        elif token.text in _SECTIONS:
            name = token
        else:
            hint = "an application has filter { … } and parser { … }"
            if token.text == "filterx":
                hint = "filterx is for log paths: use filter { … } and parser { … }"
            diagnostics.error(f"unexpected '{token.text}'", token.span, hint)
            break
    return sections


def read_app_parser(
    tokens: Sequence[Token], span: Span, diagnostics: Diagnostics
) -> AppParser:
    """Return what the arguments of ``app-parser()`` say."""
    found = AppParser()
    calls, rest = split_calls(tokens)
    for token in rest:
        if token.type != "COMMA":
            diagnostics.error(f"unexpected '{token.text}' in app-parser()", token.span)
    for name, inside in calls:
        key = argument_name(name.text).lower().replace("_", "-")
        value = text_of_tokens(inside)
        if key == "topic":
            found.topic = value
        elif key in _LISTS:
            names = [str(token.value) for token in inside if token.type != "COMMA"]
            names = " ".join(names).replace(",", " ").split()
            setattr(found, "only" if key == _LISTS[0] else "without", names)
        elif key in _SWITCHES:
            if value not in _YES | _NO:
                diagnostics.error(f"{key}() is yes or no", name.span)
            setattr(found, key.replace("-", "_"), value in _YES)
        elif key == "filterx-app-variable":
            diagnostics.error("app-parser() knows no filterx here", name.span)
        else:
            diagnostics.error(
                f"app-parser() has no option {name.text}()",
                name.span,
                did_you_mean(key, ("topic", *_SWITCHES, *_LISTS)),
            )
    if not found.topic:
        diagnostics.error("app-parser() needs topic()", span, "write topic(syslog)")
    return found


def application_chain(
    wanted: AppParser,
    applications: Sequence[Application],
    span: Span,
    move: Callable[[list[Token], Span], list[Token]],
) -> list[Token]:
    """
    Return the tokens that ``app-parser()`` at ``span`` stands for.

    ``move`` gives tokens that are used elsewhere the place of their use.
    """

    def text(words: str) -> list[Token]:
        return tokenize(SourceText("<app-parser()>", words, span))

    asked = [one for one in applications if wanted.auto_parse and wanted.takes(one)]
    tokens = text("channel {")
    for index, one in enumerate(asked):
        if wanted.allow_overlaps:
            tokens += text("if {")
        else:
            tokens += text("elif {" if index else "if {")
        for name, body in one.sections.items():
            tokens += [*text(f"{name} {{"), *move(body, span), *text("};")]
        if not wanted.allow_overlaps:
            tokens += text(
                f"rewrite {{ set-tag('.app.{one.name}'); set('{one.name}' "
                "value('.app.name') condition('${.app.name}' eq '')); };"
            )
        tokens += text("};" if wanted.allow_overlaps else "}")
    if not wanted.auto_parse or not asked:
        passes = wanted.auto_parse and (wanted.permissive or wanted.allow_overlaps)
        tokens += text("" if passes else _REFUSED)
    elif not wanted.allow_overlaps:
        tokens += text(";" if wanted.permissive else f"else {{ {_REFUSED} }};")
    return tokens + text("};")
