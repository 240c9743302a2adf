"""
``db-parser()``: messages classified by a pattern database (patterndb, versions 3 to 6).

The rules of a ruleset are tried on messages whose program one of its patterns matches.
A rule sets ``.classifier.class``, ``.classifier.rule_id``, the values its parsers took
and its own values and tags. Rules of a correlation (``context-id``, ``actions``) are
refused: a database that needs them would be understood wrongly without.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.parsers.radix import RadixTree
from logferry.codegen.patterns import PatternError
from logferry.codegen.templates import template_function
from logferry.codegen.values import set_value
from logferry.config.kinds import Enum, Template, TextKind, YesNo
from logferry.config.nodes import NOWHERE, TemplateText
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["Database", "DbOptions", "make_db"]


class DbOptions(ParserOptions):
    """``db-parser()``."""

    title = "parser db-parser"

    template = Option[TemplateText | None](
        Template(),
        None,
        doc="What is looked at; the default is $MSG.",
        aliases=("message-template",),
    )
    file = Option(
        TextKind("a path"),
        "",
        doc="The pattern database, read at start.",
        required=True,
    )
    program_template = Option[TemplateText | None](
        Template(), None, doc="What program patterns look at; the default is $PROGRAM."
    )
    prefix = Option(TextKind(), "", doc="Put before the names that rules set.")
    drop_unmatched = Option(
        YesNo(), default=False, doc="Messages that no rule knows end here."
    )
    inject_mode = Option(
        Enum(("internal", "pass-through", "aggregate-only")),
        "internal",
        doc="Where messages made by correlations go.",
        no_effect="databases with correlations are refused",
    )


@dataclass(slots=True)
class Rule:
    """One rule; ``examples`` are pairs of a program and a message."""

    id: bytes
    class_: bytes
    tags: tuple[bytes, ...] = ()
    values: tuple[tuple[str, Callable[[Message], bytes]], ...] = ()


@dataclass(slots=True)
class Example:
    """A message that a rule must take, and the values it must give."""

    rule_id: str
    program: str
    message: str
    values: dict[str, str] = field(default_factory=dict)


class Database:
    """
    A pattern database.

    Raises ``PatternError`` when the file is not there or not understood.
    """

    def __init__(self, path: str, context: MacroContext) -> None:
        self.examples: list[Example] = []
        self._programs: RadixTree[RadixTree[Rule]] = RadixTree()
        self._context = context
        try:
            root = ET.parse(path).getroot()  # noqa: S314 - the operator's own file
        except (OSError, ET.ParseError) as error:
            raise PatternError(
                f"cannot read the pattern database {path}: {error}"
            ) from error
        for ruleset in root.iter("ruleset"):
            self._read_ruleset(ruleset)

    def _read_ruleset(self, ruleset: ET.Element) -> None:
        tree: RadixTree[Rule] = RadixTree()
        programs = [*ruleset.findall("pattern"), *ruleset.findall("patterns/pattern")]
        for program in programs:
            self._programs.insert((program.text or "").strip(), tree)
        for element in ruleset.iter("rule"):
            rule = self._rule(element)
            for pattern in element.findall("patterns/pattern"):
                tree.insert((pattern.text or "").strip(), rule)
            for example in element.iter("example"):
                self._read_example(element.get("id", ""), example)

    def _rule(self, element: ET.Element) -> Rule:
        rule_id = element.get("id", "")
        if element.get("context-id") or element.find("actions") is not None:
            raise PatternError(
                f"rule {rule_id} correlates messages (context-id, actions)"
            )
        return Rule(
            rule_id.encode(),
            element.get("class", "system").encode(),
            tuple((tag.text or "").encode() for tag in element.findall("tags/tag")),
            tuple(
                (
                    value.get("name", ""),
                    template_function(
                        TemplateText(value.text or "", NOWHERE), self._context
                    ),
                )
                for value in element.findall("values/value")
            ),
        )

    def _read_example(self, rule_id: str, example: ET.Element) -> None:
        message = example.find("test_message")
        if message is None:
            return
        values = {
            value.get("name", ""): value.text or ""
            for value in example.findall("test_values/test_value")
        }
        program = message.get("program", "")
        self.examples.append(Example(rule_id, program, message.text or "", values))

    def classify(
        self, message: Message, program: bytes, text: bytes, prefix: str = ""
    ) -> bool:
        """Put what is known of ``text`` into ``message``; false when it is nothing."""
        rules = self._programs.find(program)
        found = None if rules is None else rules.value.find(text)
        if found is None:
            set_value(message, f"{prefix}.classifier.class", b"unknown")
            _tag(message, b".classifier.unknown")
            return False
        rule = found.value
        set_value(message, f"{prefix}.classifier.class", rule.class_)
        set_value(message, f"{prefix}.classifier.rule_id", rule.id)
        for name, value, kind in found.captured:
            set_value(message, prefix + name, value, kind)
        for name, value_of in rule.values:
            set_value(message, prefix + name, value_of(message))
        _tag(message, b".classifier." + rule.class_)
        for tag in rule.tags:
            _tag(message, tag)
        return True

    def failures(self, new_message: Callable[[], Message]) -> list[str]:
        """Return what is wrong with the examples of the rules, one line each."""
        failed = []
        for example in self.examples:
            message = new_message()
            message.program = example.program.encode()
            message.message = example.message.encode()
            self.classify(message, message.program, message.message)
            rule_id = message.values.get(".classifier.rule_id", b"").decode()
            if rule_id != example.rule_id:
                failed.append(
                    f"rule {example.rule_id}: '{example.message}' is taken by "
                    f"{rule_id or 'no rule'}"
                )
            for name, value in example.values.items():
                actual = message.values.get(name, b"").decode("utf-8", "replace")
                if actual != value:
                    failed.append(
                        f"rule {example.rule_id}: {name} is '{actual}', not '{value}'"
                    )
        return failed


def _tag(message: Message, tag: bytes) -> None:
    if tag not in message.tags:
        message.tags.append(tag)


def make_db(options: DbOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PatternError``."""
    database = Database(options.file, context)
    prefix, drops = options.prefix, options.drop_unmatched
    program_of: Callable[[Message], bytes] = lambda message: message.program  # noqa: E731
    if options.program_template is not None:
        program_of = template_function(options.program_template, context)

    def parse(message: Message, text: bytes) -> bool:
        is_known = database.classify(message, program_of(message), text, prefix)
        return is_known or not drops

    return parse
