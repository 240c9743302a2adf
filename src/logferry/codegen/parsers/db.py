"""
``db-parser()``: messages classified by a pattern database.

The rules of a ruleset are tried on messages whose program one of its patterns matches.
A rule sets ``.classifier.class``, ``.classifier.rule_id``, the values its parsers took
and its own values and tags. What rules do with contexts and actions is in
``codegen/correlation/db.py``; a database without them is a plain parser.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.parsers.patterndb import PatternFile, Rule, has_correlations
from logferry.codegen.patterns import PatternError
from logferry.codegen.templates import template_function
from logferry.codegen.values import set_value
from logferry.config.kinds import Enum, Template, TextKind, YesNo
from logferry.config.nodes import TemplateText
from logferry.config.schema import ByVersion, Option
from logferry.config.versions import CORRELATIONS_PASS_ON

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.config.schema import Scope
    from logferry.message.model import Message

__all__ = ["Database", "DbOptions", "make_db", "program_function"]

_UNKNOWN = b".classifier.unknown"
_LOOK_NS: Final = 5_000_000_000


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    """Return what tells one version of a file from another, if it is there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class DbOptions(ParserOptions):
    """``db-parser()``."""

    title = "parser db-parser"

    template = Option[TemplateText | None](
        Template(),
        None,
        doc="What patterns look at; the default is $MSG.",
        name="message-template",
        aliases=("template",),
    )
    file = Option(
        TextKind("a path"),
        "",
        doc="The pattern database; read again when it has changed.",
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
        Enum(("pass-through", "internal", "aggregate-only")),
        ByVersion("pass-through", ((CORRELATIONS_PASS_ON, "internal"),)),
        doc="Where messages of actions go: on from here, to internal(), or on alone.",
    )
    persist_name = Option(
        TextKind(),
        "",
        doc="Under which open contexts are kept over a restart and a reload.",
    )

    def check(self, scope: Scope) -> None:
        """Look whether the database correlates."""
        super().check(scope)
        self._values["correlates"] = self.inject_mode == "aggregate-only" or bool(
            self.file and has_correlations(self.file)
        )

    @property
    def correlates(self) -> bool:
        """Whether messages may wait here, or new ones be made."""
        return bool(self._values.get("correlates", False))


class Database:
    """
    A pattern database that takes messages apart.

    The file is looked at again every few seconds of the messages' arrival: one that
    has changed and can be read takes the place of the old one, as in the reference.
    One that cannot be read, or whose rules correlate where the old ones did not, is
    counted and left alone.

    Raises ``PatternError`` when the file is not there or not understood.
    """

    def __init__(
        self,
        path: str,
        context: MacroContext,
        prefix: str = "",
        *,
        may_correlate: bool = True,
    ) -> None:
        self._stamp = _stamp_of(path)  # before reading: a later change is seen
        self.file = PatternFile(path, context, prefix)
        self._path = path
        self._context = context
        self._prefix = prefix
        self._may_correlate = may_correlate
        self._looked_ns = 0

    def refresh(self, now: int) -> None:
        """Read the file again if it is time (in nanoseconds) and it has changed."""
        if now < self._looked_ns + _LOOK_NS:
            return
        self._looked_ns = now
        stamp = _stamp_of(self._path)
        if stamp in (None, self._stamp):
            return
        self._stamp = stamp
        result = "failed"
        try:
            if self._may_correlate or not has_correlations(self._path):
                self.file = PatternFile(self._path, self._context, self._prefix)
                result = "loaded"
        except PatternError:
            pass
        self._context.metrics.counter(
            "patterndb_reloads_total", {"file": self._path, "result": result}
        ).value += 1

    def lookup(self, message: Message, program: bytes, text: bytes) -> Rule | None:
        """Put what patterns take of ``text`` into ``message``; return its rule."""
        self.refresh(message.received.unix_ns)
        rules = self.file.programs.find(program)
        found = None if rules is None else rules.value.find(text)
        if rules is not None:
            for name, value, kind in rules.captured:
                set_value(message, self._prefix + name, value, kind)
        if found is None:
            set_value(message, ".classifier.class", b"unknown")
            if _UNKNOWN not in message.tags:
                message.tags.append(_UNKNOWN)
            return None
        rule = found.value
        set_value(message, ".classifier.class", rule.class_)
        set_value(message, ".classifier.rule_id", rule.id)
        if _UNKNOWN in message.tags:
            message.tags.remove(_UNKNOWN)
        for name, value, kind in found.captured:
            set_value(message, self._prefix + name, value, kind)
        return rule

    def classify(self, message: Message, program: bytes, text: bytes) -> bool:
        """Put what is known of ``text`` into ``message``; false when it is nothing."""
        rule = self.lookup(message, program, text)
        if rule is None:
            return False
        rule.synthesis.apply(message, (message,), b"")
        return True


def program_function(
    options: DbOptions, context: MacroContext
) -> Callable[[Message], bytes]:
    """Return what tells the program of a message."""
    if options.program_template is None:
        return lambda message: message.program
    return template_function(options.program_template, context)


def make_db(options: DbOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PatternError``."""
    database = Database(options.file, context, options.prefix, may_correlate=False)
    program_of, drops = program_function(options, context), options.drop_unmatched

    def parse(message: Message, text: bytes) -> bool:
        is_known = database.classify(message, program_of(message), text)
        return is_known or not drops

    return parse
