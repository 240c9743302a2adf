"""
The examples in a pattern database: what its author expects of it.

Every ``<example>`` is a message that its rule must take, with values that must come
out, and types where it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.kinds import canonical_type
from logferry.codegen.values import get_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.parsers.db import Database
    from logferry.codegen.parsers.patterndb import Example
    from logferry.message.model import Message

__all__ = ["failures"]


def failures(
    database: Database, new_message: Callable[[], Message], rule_id: str = ""
) -> list[str]:
    """Return what is wrong with the examples, of one rule or all, one line each."""
    failed = []
    for example in database.file.examples:
        if not rule_id or example.rule_id == rule_id:
            failed += [
                f"rule {example.rule_id}: {problem}"
                for problem in _problems(database, example, new_message())
            ]
    return failed


def _problems(database: Database, example: Example, message: Message) -> list[str]:
    if not example.program or not example.message:
        missing = "message" if example.program else "program"
        return [f"the example '{example.message}' has no {missing}"]
    message.program = example.program.encode()
    message.message = example.message.encode()
    database.classify(message, message.program, message.message)
    problems = []
    taken_by = message.values.get(".classifier.rule_id", b"").decode()
    if taken_by != example.rule_id:
        by = f"rule {taken_by}" if taken_by else "no rule"
        problems.append(f"'{example.message}' is taken by {by}")
    for name, (value, kind) in example.values.items():
        actual = get_value(message, name).decode("utf-8", "replace")
        if actual != value:
            problems.append(f"{name} is '{actual}', not '{value}'")
        actual_kind = message.types.get(name, "")
        if kind and actual_kind != canonical_type(kind):
            problems.append(f"{name} is a {actual_kind or 'string'}, not a {kind}")
    return problems
