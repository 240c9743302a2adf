"""
``logferry patterndb``: check, try and merge pattern databases.

Options and exit status are those of ``pdbtool``, which ``drop-in`` writes as well:
``test`` ends with 1 for a database that cannot be read and with 2 when an example
fails, ``match`` with 1 when no rule knows the message.
"""

from __future__ import annotations

import argparse
import sys
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.codegen.conditions import read_condition
from logferry.codegen.correlation.db import DbParser
from logferry.codegen.correlation.synthesis import condition_function
from logferry.codegen.macros import MacroContext
from logferry.codegen.parsers.db import Database, DbOptions
from logferry.codegen.parsers.examples import failures
from logferry.codegen.parsers.patterndb import parse_file
from logferry.codegen.patterns import PatternError
from logferry.codegen.template_text import TemplateError
from logferry.codegen.templates import template_function
from logferry.config.nodes import NOWHERE, TemplateText
from logferry.message.model import Message, Origin, Stamp, UnixNanos
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["main"]

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("logferry patterndb", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    test = commands.add_parser("test", help="read databases and check their examples")
    test.add_argument("files", nargs="+", metavar="FILE")
    test.add_argument("-r", "--rule-id", default="", help="only this rule's examples")
    test.add_argument("--validate", action="store_true", help="is always done")
    match = commands.add_parser("match", help="show what a database makes of messages")
    match.add_argument("database", nargs="?", metavar="FILE")
    match.add_argument("-p", "--pdb", metavar="FILE", help="the database")
    match.add_argument("-P", "--program", default="", help="$PROGRAM of the message")
    match.add_argument("-M", "--message", help="its $MSG")
    match.add_argument("-f", "--file", help="read syslog lines from a file, or -")
    match.add_argument("-F", "--filter", help="show only what passes this filter")
    match.add_argument("-T", "--template", help="what is shown of a message")
    merge = commands.add_parser("merge", help="write one database made of many")
    merge.add_argument("files", nargs="*", metavar="FILE")
    merge.add_argument("-p", "--pdb", required=True, metavar="OUT", help="what is made")
    merge.add_argument("-D", "--directory", help="a folder with databases")
    merge.add_argument("-r", "--recursive", action="store_true", help="and below it")
    merge.add_argument("-G", "--glob", help="which files there; *.pdb and *.xml")
    merge.add_argument("-s", "--sort", action="store_true", help="is always done")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Check, try and merge pattern databases."""
    parser = _arguments()
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if given.command == "match":
        given.pdb = given.pdb or given.database
        if not given.pdb or (given.message is None) == (given.file is None):
            parser.error("match needs a database, and either a message or a file")
    work = {"test": _test, "match": _match, "merge": _merge}[given.command]
    try:
        return work(given)
    except (PatternError, TemplateError, OSError) as error:
        sys.stderr.write(f"logferry: {error}\n")
        return 1


def _new_message() -> Message:
    stamp = Stamp(UnixNanos(time.time_ns()), 0)
    return Message(Origin(local=True), stamp, stamp)


def _context() -> MacroContext:
    return MacroContext(now=[UnixNanos(time.time_ns())])


# -- test -----------------------------------------------------------------------------


def _test(given: argparse.Namespace) -> int:
    status = 0
    for name in given.files:
        try:
            database = Database(name, _context())
        except PatternError as error:
            print(f"{name}: {error}")
            status = status or 1
            continue
        for warning in database.file.shadowed:
            print(f"{name}: {warning}")
        failed = failures(database, _new_message, given.rule_id)
        for line in failed:
            print(f"{name}: {line}")
        tried = [
            example
            for example in database.file.examples
            if given.rule_id in {"", example.rule_id}
        ]
        if given.rule_id and not tried:
            print(f"{name}: rule {given.rule_id} is not there or has no examples")
            status = status or 1
        print(
            f"{name}: {len(database.file.rules)} rules, {len(tried)} examples, "
            f"{len(failed)} problems"
        )
        if failed:
            status = 2
    return status


# -- match ----------------------------------------------------------------------------


def _match(given: argparse.Namespace) -> int:
    context = _context()
    show = _show(given.template, context)
    passes: Callable[[Message], bool] = lambda _: True  # noqa: E731
    if given.filter:
        passes = condition_function(read_condition(given.filter, context), context)
    parser = DbParser(
        "patterndb", DbOptions({"file": given.pdb}), context, lambda _: None
    )
    is_known = False
    now = UnixNanos(time.time_ns())
    for message in _messages(given):
        for found in parser.take(message, message.message, now):
            is_known = is_known or b".classifier.unknown" not in found.tags
            if passes(found):
                show(found)
    for found in parser.flush(now):
        if passes(found):
            show(found)
    return 0 if is_known else 1


def _messages(given: argparse.Namespace) -> Iterator[Message]:
    if given.message is not None:
        message = _new_message()
        message.program = given.program.encode()
        message.message = given.message.encode()
        yield message
        return
    parse = Parser(Reception(), "localhost", 0, "UTC").parse
    with Path("/dev/stdin" if given.file == "-" else given.file).open("rb") as source:
        for line in source:
            frame = line.rstrip(b"\r\n")
            if frame:
                yield parse(frame, Origin(), UnixNanos(time.time_ns()))


def _show(template: str | None, context: MacroContext) -> Callable[[Message], None]:
    if template is None:
        return _show_all
    for escape, character in _ESCAPES.items():
        template = template.replace(escape, character)
    expand = template_function(TemplateText(template, NOWHERE), context)

    def show(message: Message) -> None:
        sys.stdout.write(expand(message).decode("utf-8", "replace"))

    return show


def _show_all(message: Message) -> None:
    rows = [("MESSAGE", message.message), ("PROGRAM", message.program)]
    rows += sorted(message.values.items())
    rows.append(("TAGS", b",".join(message.tags)))
    for name, value in rows:
        print(f"{name}={value.decode('utf-8', 'replace')}")
    print()


# -- merge ----------------------------------------------------------------------------


def _merge(given: argparse.Namespace) -> int:
    names = [Path(name) for name in given.files]
    if given.directory:
        folder = Path(given.directory)
        found = folder.rglob("*") if given.recursive else folder.glob("*")
        patterns = [given.glob] if given.glob else ["*.pdb", "*.xml"]
        names += sorted(
            path for path in found if any(path.match(item) for item in patterns)
        )
    if not names:
        sys.stderr.write("logferry: there is nothing to merge\n")
        return 1
    roots = [parse_file(str(name)) for name in names]
    version = max(root.get("version", "4") for root in roots)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    merged = ET.Element("patterndb", {"version": version, "pub_date": today})
    for root in roots:
        merged.extend(root)
    ET.indent(merged)
    draft = Path(f"{given.pdb}.new")
    ET.ElementTree(merged).write(draft, encoding="utf-8", xml_declaration=True)
    Database(str(draft), _context())  # what was made must be readable
    draft.replace(given.pdb)
    return 0


if __name__ == "__main__":
    sys.exit(main())
