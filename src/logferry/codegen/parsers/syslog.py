"""``syslog-parser()``, ``sdata-parser()`` and ``tags-parser()``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from logferry.codegen.lists import split_list
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.config.kinds import Integer, TextKind, Words, YesNo
from logferry.config.schema import Option
from logferry.errors import ParseError
from logferry.syslog import rfc5424
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = [
    "SdataOptions",
    "SyslogOptions",
    "TagsOptions",
    "make_sdata",
    "make_syslog",
    "make_tags",
]

_TAKEN_OVER = ("pri", "host", "message", "header", "stamp")


class SyslogOptions(ParserOptions):
    """``syslog-parser()``."""

    title = "parser syslog-parser"

    flags = Option(Words(), (), doc="Source flags: how the text is read.")
    drop_invalid = Option(
        YesNo(), default=False, doc="Drop messages that cannot be read."
    )
    default_level = Option(Integer(minimum=0, maximum=7), 5, doc="Without a PRI.")
    default_facility = Option(Integer(minimum=0, maximum=127), 1, doc="Without a PRI.")
    time_zone = Option(TextKind(), "", doc="The zone of stamps that name none.")
    sdata_prefix = Option(TextKind(), ".SDATA.", doc="Before structured data's names.")


class SdataOptions(ParserOptions):
    """``sdata-parser()``."""

    title = "parser sdata-parser"

    prefix = Option(TextKind(), ".SDATA.", doc="Put before every name.")


class TagsOptions(ParserOptions):
    """``tags-parser()``."""

    title = "parser tags-parser"


def make_syslog(options: SyslogOptions, context: MacroContext) -> ParserFunction:
    """Return a parser that reads the text as a syslog message of its own."""
    flags = frozenset(name.lower().replace("_", "-") for name in options.flags)
    reception = Reception(
        flags=flags if "no-hostname" in flags else flags | {"expect-hostname"},
        keep_hostname=True,
        default_pri=options.default_facility << 3 | options.default_level,
        time_zone=options.time_zone,
        sdata_prefix=options.sdata_prefix,
    )
    parser = Parser(reception, context.host_name.decode(), os.getpid())
    drops = options.drop_invalid

    def parse(message: Message, text: bytes) -> bool:
        inner = parser.parse(text, message.origin, message.received.unix_ns)
        if drops and b"message.parse_error" in inner.tags:
            return False
        for name in _TAKEN_OVER:
            setattr(message, name, getattr(inner, name))
        for name in ("program", "pid", "msgid"):
            if value := getattr(inner, name):
                setattr(message, name, value)
        message.values.update(inner.values)
        message.tags += [tag for tag in inner.tags if tag not in message.tags]
        return True

    return parse


def make_sdata(options: SdataOptions, context: MacroContext) -> ParserFunction:
    """Return a parser of structured data (RFC 5424, 6.3)."""
    del context

    def parse(message: Message, text: bytes) -> bool:
        try:
            end = rfc5424.read_sdata(message, text, 0, options.prefix)
        except ParseError:
            return False
        return end == len(text)

    return parse


def make_tags(options: TagsOptions, context: MacroContext) -> ParserFunction:
    """Return a parser that adds the tags in a list."""
    del options, context

    def parse(message: Message, text: bytes) -> bool:
        message.tags += [
            tag for tag in dict.fromkeys(split_list(text)) if tag not in message.tags
        ]
        return True

    return parse
