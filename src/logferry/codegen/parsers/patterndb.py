"""
Reading pattern databases: patterndb, versions 3 to 6.

A database has rulesets for programs; a ruleset has rules with patterns, the values and
tags they give, the context their messages belong to and the actions that follow. All
rulesets with the same program pattern are one; one without any is for the programs that
no other is for. Nothing in the file is left out silently: what is not known is an
error that names the rule. Source: the reference's loader.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from logferry.codegen.conditions import read_condition
from logferry.codegen.correlation.contexts import SCOPES
from logferry.codegen.correlation.synthesis import (
    INHERIT_MODES,
    Synthesis,
    condition_function,
)
from logferry.codegen.kinds import TYPES
from logferry.codegen.parsers.radix import RadixTree
from logferry.codegen.patterns import PatternError
from logferry.codegen.template_text import TemplateError
from logferry.codegen.templates import pair_function, template_function
from logferry.config.nodes import NOWHERE, TemplateText

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = [
    "Action",
    "ContextRule",
    "Example",
    "PatternFile",
    "Rate",
    "Rule",
    "has_correlations",
    "parse_file",
]

_Pair: TypeAlias = tuple[str, Callable[["Message"], tuple[bytes, str]]]
_VERSIONS: Final = ("2", "3", "4", "5", "6")
_hinted = re.compile(r"([a-z0-9]+)\((.*)\)", re.DOTALL)


@dataclass(slots=True)
class ContextRule:
    """To which context the messages of a rule belong."""

    id_of: Callable[[Message], bytes]
    timeout_s: int
    scope: str


@dataclass(slots=True)
class Rate:
    """How often an action may happen: ``count`` times in ``period_s``."""

    count: int
    period_s: int


@dataclass(slots=True)
class Action:
    """
    What follows a match, or the end of a context.

    Attributes:
        number: which action of its rule it is.
        on_timeout: it follows the end, not a match.
        synthesis: how its message is made.
        creates: the context that its message begins; otherwise it is given out.

    """

    number: int
    on_timeout: bool
    synthesis: Synthesis
    condition: Callable[[Message], bool] | None = None
    rate: Rate | None = None
    creates: ContextRule | None = None


@dataclass(slots=True)
class Rule:
    """One rule."""

    id: bytes
    class_: bytes
    synthesis: Synthesis
    context: ContextRule | None = None
    actions: tuple[Action, ...] = ()


@dataclass(slots=True)
class Example:
    """A message that a rule must take, and the values it must give, with types."""

    rule_id: str
    program: str
    message: str
    values: dict[str, tuple[str, str]] = field(default_factory=dict)


def parse_file(path: str) -> ET.Element:
    """Return the root of a database. Raises ``PatternError``."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - the operator's own file
    except (OSError, ET.ParseError) as error:
        raise PatternError(
            f"cannot read the pattern database {path}: {error}"
        ) from error
    if root.tag != "patterndb":
        raise PatternError(
            f"{path} is no pattern database: it begins with <{root.tag}>"
        )
    if root.get("version", "4") not in _VERSIONS:
        raise PatternError(
            f"{path} has version {root.get('version')}: 3 to 6 are known"
        )
    return root


def has_correlations(path: str) -> bool:
    """Tell whether any rule has a context or actions; a bad file has not."""
    try:
        root = parse_file(path)
    except PatternError:
        return False
    return any(
        rule.get("context-id") or rule.find("actions/action") is not None
        for rule in root.iter("rule")
    )


class PatternFile:
    """
    The rules of a database.

    Args:
        path: the XML file.
        context: what templates and conditions are compiled with.
        prefix: put before the names that patterns and rules set.

    Raises ``PatternError`` when the file is not there or not understood.

    """

    def __init__(self, path: str, context: MacroContext, prefix: str = "") -> None:
        self.examples: list[Example] = []
        self.rules: dict[bytes, Rule] = {}
        self.shadowed: list[str] = []  # patterns that an earlier rule has
        self.programs: RadixTree[RadixTree[Rule]] = RadixTree()
        self._context = context
        self._prefix = prefix
        self._trees: dict[str, RadixTree[Rule]] = {}
        root = parse_file(path)
        self.version = root.get("version", "4")
        self.pub_date = root.get("pub_date", "")
        for ruleset in root.iter("ruleset"):
            self._read_ruleset(ruleset)

    def _read_ruleset(self, ruleset: ET.Element) -> None:
        programs = [
            pattern.text or ""
            for pattern in (
                *ruleset.findall("pattern"),
                *ruleset.findall("patterns/pattern"),
            )
        ]
        first, *others = programs or [""]
        tree = self._trees.get(first)
        if tree is None:
            tree = self._trees[first] = RadixTree()
            self.programs.insert(first, tree)
        for program in others:
            known = self._trees.setdefault(program, tree)
            if known is not tree:
                raise PatternError(
                    f"ruleset {ruleset.get('name', '')}: the programs '{first}' and "
                    f"'{program}' stand together here and apart in another ruleset"
                )
            self.programs.insert(program, tree)
        for element in ruleset.findall("rules/rule"):
            self._read_rule(element, tree)

    def _read_rule(self, element: ET.Element, tree: RadixTree[Rule]) -> None:
        rule_id = element.get("id", "")
        if not rule_id:
            raise PatternError("a rule has no id")
        try:
            rule = self._rule(element, rule_id)
            for pattern in element.findall("patterns/pattern"):
                known = tree.insert(pattern.text or "", rule)
                if known is not rule:
                    self.shadowed.append(
                        f"rule {rule_id} never gets what its pattern '{pattern.text}' "
                        f"takes: rule {known.id.decode()} has the same"
                    )
        except (PatternError, TemplateError) as error:
            raise PatternError(f"rule {rule_id}: {error}") from error
        self.rules[rule.id] = rule
        for example in element.findall("examples/example"):
            self._read_example(rule_id, example)

    def _rule(self, element: ET.Element, rule_id: str) -> Rule:
        class_ = element.get("class", "system").encode()
        tags = [b".classifier." + class_, *_tags(element)]
        context = None
        if element.get("context-id"):
            context = self._context_rule(element)
        return Rule(
            rule_id.encode(),
            class_,
            Synthesis(
                "none", tags, list(self._values(element, self._prefix)), self._context
            ),
            context,
            tuple(
                self._action(number, action)
                for number, action in enumerate(element.findall("actions/action"))
            ),
        )

    def _context_rule(self, element: ET.Element) -> ContextRule:
        scope = element.get("context-scope", "process").lower()
        if scope not in SCOPES:
            raise PatternError(f"unknown context-scope '{scope}'")
        text = element.get("context-id", "")
        return ContextRule(
            template_function(TemplateText(text, NOWHERE), self._context),
            _number(element.get("context-timeout", "0"), "context-timeout"),
            scope,
        )

    def _action(self, number: int, element: ET.Element) -> Action:
        trigger = element.get("trigger", "match")
        if trigger not in {"match", "timeout"}:
            raise PatternError(f"unknown trigger '{trigger}'")
        created = element.find("create-context")
        message = (element if created is None else created).find("message")
        if message is None:
            raise PatternError("an action has neither message nor create-context")
        creates = None
        if created is not None:
            if not created.get("context-id"):
                raise PatternError("create-context has no context-id")
            creates = self._context_rule(created)
        condition = element.get("condition")
        return Action(
            number,
            trigger == "timeout",
            Synthesis(
                _inherit_mode(message),
                _tags(message),
                list(self._values(message, "")),
                self._context,
            ),
            condition_function(read_condition(condition, self._context), self._context)
            if condition
            else None,
            _rate(element.get("rate", "")),
            creates,
        )

    def _values(self, element: ET.Element, prefix: str) -> Iterator[_Pair]:
        for value in element.findall("values/value"):
            name = value.get("name", "")
            if not name:
                raise PatternError("a value has no name")
            text, hint = value.text or "", value.get("type", "")
            found = _hinted.fullmatch(text)
            if not hint and self._context.is_typed and found and found[1] in TYPES:
                hint, text = found[1], found[2]
            if hint and hint not in TYPES:
                raise PatternError(f"value {name} has an unknown type '{hint}'")
            yield prefix + name, pair_function(text, hint, self._context)

    def _read_example(self, rule_id: str, example: ET.Element) -> None:
        message = example.find("test_message")
        if message is None:
            return
        values = {
            value.get("name", ""): (value.text or "", value.get("type", ""))
            for value in example.findall("test_values/test_value")
        }
        program = message.get("program", "")
        self.examples.append(Example(rule_id, program, message.text or "", values))


def _tags(element: ET.Element) -> list[bytes]:
    return [(tag.text or "").encode() for tag in element.findall("tags/tag")]


def _inherit_mode(message: ET.Element) -> str:
    mode = message.get("inherit-mode")
    if mode is not None:
        if mode.lower() not in INHERIT_MODES:
            raise PatternError(f"unknown inherit-mode '{mode}'")
        return mode.lower()
    properties = message.get("inherit-properties", "false").lower()
    if properties == "context":
        return "context"
    if properties[:1] in {"t", "1"}:
        return "last-message"
    if properties[:1] in {"f", "0"}:
        return "none"
    raise PatternError(f"unknown inherit-properties '{properties}'")


def _rate(text: str) -> Rate | None:
    count, _, period = text.partition("/")
    number = _number(count, "rate") if count else 0
    return (
        Rate(number, _number(period, "rate") or 1 if period else 1) if number else None
    )


def _number(text: str, what: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise PatternError(f"{what} is no number: '{text}'") from None
