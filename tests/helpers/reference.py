"""
The reference interpreter: what a configuration means, slowly and obviously.

Every message is parsed by the slow parser and walks through the resolved
configuration; nothing is generated, merged, captured or shared. Macros and template
functions, whose values the compatibility tables check, are the program's own.
"""

from __future__ import annotations

import copy
import ipaddress
import operator
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.naive_correlation import NaivePlace
from helpers.reference_rewrites import (
    REWRITES_OF_ONE_VALUE,
    change_group,
    change_zone,
    rename,
)
from logferry.codegen.compare import compare_pairs
from logferry.codegen.conditions import read_condition
from logferry.codegen.correlation.kinds import correlates
from logferry.codegen.filters import FILTERS
from logferry.codegen.functions import Plain, function_named
from logferry.codegen.json_format import formatter_of
from logferry.codegen.macros import MacroContext, macro_function
from logferry.codegen.parsers import make_parser
from logferry.codegen.patterns import compile_pattern
from logferry.codegen.rewrites import REWRITES
from logferry.codegen.template_text import Function, Literal, Macro, parse_template
from logferry.codegen.templates import pair_function, template_function
from logferry.config.nodes import (
    NOWHERE,
    And,
    Comparison,
    Configuration,
    Deliver,
    FilterCall,
    FilterReference,
    FilterStep,
    Junction,
    LogPath,
    Not,
    Or,
    ProcessStep,
    Sources,
    Spec,
    TemplateText,
)
from logferry.message.timestamps import Zone
from logferry.pipeline.stations import find_places, stations_on_the_way
from logferry.syslog.encode import encode_sdata, first_word
from logferry.syslog.parse import Parser

if TYPE_CHECKING:
    from logferry.codegen.rendering import Rendering
    from logferry.message.model import Message, Origin, UnixNanos
    from logferry.pipeline.build import BuildContext

__all__ = ["Reference"]

_ATTRIBUTES = {
    "HOST": "host",
    "FULLHOST": "host",
    "PROGRAM": "program",
    "PID": "pid",
    "MSGID": "msgid",
    "MSG": "message",
    "MESSAGE": "message",
    "MSGONLY": "message",
}


def _is_in_net(network: str, kind: str, origin: Origin) -> bool:
    """Tell whether the sender is in a network; a sender without address is local."""
    local = "127.0.0.1" if kind == "netmask" else "::1"
    address = ipaddress.ip_address(origin.peer_ip.decode() or local)
    return address in ipaddress.ip_network(network, strict=False)


_OPERATORS = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


@dataclass
class Reference:
    """Interprets one configuration for one source."""

    configuration: Configuration
    context: BuildContext
    source_id: str
    macros: MacroContext = field(init=False)
    delivered: dict[str, list[tuple[bytes, bytes]]] = field(init=False)
    log_paths: tuple[LogPath, ...] = field(init=False)
    places: dict[str, NaivePlace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Only ids and order of the places are used: what is behind them is found anew.
        self.log_paths, places = find_places(self.configuration.log_paths)
        self.order = [place.spec.id for place in places]
        self.behind: dict[str, tuple[Any, ...]] = {}
        self.outside: list[tuple[Any, ...]] = []
        self.kept_count = 0
        self.macros = MacroContext(
            host_name=self.context.host_name.encode(),
            started_ns=self.context.started_ns,
            filters=self.configuration.filters,
            templates=self.configuration.templates,
            version=self.configuration.version,
            run_id=self.context.run_id,
            has_chains=any(
                reception.chain_hostnames
                for reception in self.context.receptions.values()
            ),
        )
        self.delivered = {}

    def run(
        self, frames: list[bytes], origin: Origin, now: UnixNanos
    ) -> dict[str, list[tuple[bytes, bytes]]]:
        """Return (key, record) of every destination that got something, in order."""
        group = self.source_id.partition("#")[0]
        reception = self.context.receptions[self.source_id]
        reception = replace(reception, tags=(*reception.tags, f".source.{group}"))
        parser = Parser(
            reception,
            self.context.host_name,
            self.context.pid,
            self.context.local_time_zone,
        )
        self.macros.now[0] = now
        for frame in frames:
            if frame or "empty-lines" in reception.flags:
                self.route(parser.parse(frame, origin, now))
        return self.delivered

    def route(self, message: Message) -> None:
        """Send one message through all log paths that it may enter."""
        entered = []
        for path in self.log_paths:
            names = [
                spec.id
                for element in path.elements
                if isinstance(element, Sources)
                for spec in element.group.drivers
            ]
            if "catchall" in path.flags or self.source_id in names:
                entered.append(path)
        self.alternatives(tuple(entered), message)

    def alternatives(
        self, paths: tuple[LogPath, ...], message: Message
    ) -> list[Message]:
        """Run sibling paths; return what came out of each."""
        outcome: list[Message] = []
        is_accepted = False
        for wants_fallback in (False, True):
            if wants_fallback and is_accepted:
                break
            for path in paths:
                if ("fallback" in path.flags) != wants_fallback:
                    continue
                before = self.kept_count
                came_out = self.walk(path.elements, copy.deepcopy(message))
                outcome += came_out
                # A message that waits on a path was accepted by it.
                own = self.own(path, came_out)
                accepts = bool(own) or self.kept_count > before
                is_accepted = is_accepted or accepts
                if accepts and "final" in path.flags:
                    return outcome
        return outcome

    def walk(self, elements: tuple[Any, ...], message: Message) -> list[Message]:
        """Run one path; return the messages that reach its end."""
        for position, element in enumerate(elements):
            rest = elements[position + 1 :]
            match element:
                case Sources():
                    continue
                case FilterStep():
                    if not self.holds(element.expression, message):
                        return []
                case ProcessStep():
                    return self.walk((*element.steps, *rest), message)
                case Spec() if correlates(element):
                    return self.wait(element, rest, message)
                case Spec():
                    if not self.apply(element, message):
                        return []
                case Deliver(group):
                    if group.channel is not None:
                        self.alone((group.channel,), message)
                    for spec in group.drivers:
                        self.deliver(spec.id, message)
                case LogPath():
                    before = elements[position - 1] if position else None
                    if not isinstance(before, LogPath):
                        self.alone(self.embedded(elements[position:]), message)
                case Junction(branches):
                    self.outside.append(rest)
                    came_out = self.alternatives(branches, message)
                    self.outside.pop()
                    return [
                        end for middle in came_out for end in self.walk(rest, middle)
                    ]
        return [message]

    @staticmethod
    def own(path: LogPath, came_out: list[Message]) -> list[Message]:
        """Return what came out of a path without what was made there of others."""
        ids = set(stations_on_the_way(path.elements))
        return [message for message in came_out if message.origin.made_by not in ids]

    def alone(self, paths: tuple[LogPath, ...], message: Message) -> None:
        """Run paths whose ends lead nowhere."""
        outside, kept_count = self.outside, self.kept_count
        self.outside = []
        self.alternatives(paths, message)
        self.outside, self.kept_count = outside, kept_count

    # -- messages that wait -------------------------------------------------------------

    def wait(
        self, spec: Spec, rest: tuple[Any, ...], message: Message
    ) -> list[Message]:
        """Give a message to a place where it may wait; run what goes on."""
        place = self.places.get(spec.id)
        if place is None:
            place = self.places[spec.id] = NaivePlace(spec, self.macros, self.holds)
            further = [item for elements in reversed(self.outside) for item in elements]
            self.behind[spec.id] = (*rest, *further)
        self.kept_count += place.keeps
        going_on = place.take(message, self.macros.now[0])
        return [
            end for item in going_on for end in self.walk(rest, copy.deepcopy(item))
        ]

    def tick(self, now: UnixNanos) -> dict[str, list[tuple[bytes, bytes]]]:
        """Let it be ``now``; return what was delivered so far."""
        self.macros.now[0] = now
        for name in self.order:
            place = self.places.get(name)
            for message in place.tick(now) if place is not None else ():
                self.outside = []
                self.walk(self.behind[name], message)
        return self.delivered

    @staticmethod
    def embedded(elements: tuple[Any, ...]) -> tuple[LogPath, ...]:
        """Return the log paths that ``elements`` begin with."""
        found = []
        for element in elements:
            if not isinstance(element, LogPath):
                break
            found.append(element)
        return tuple(found)

    # -- templates ------------------------------------------------------------------

    def expand(self, text: str, message: Message, macros: MacroContext) -> bytes:
        """Return what a template prints."""
        return self.parts(parse_template(text), message, macros)

    def parts(
        self, parts: tuple[Any, ...], message: Message, macros: MacroContext
    ) -> bytes:
        """Return what the parts of a template print."""
        printed = b""
        for part in parts:
            match part:
                case Literal(literal):
                    printed += literal.encode("utf-8", "surrogateescape")
                case Macro(name, default):
                    value = self.macro(name, message, macros)
                    printed += value or default.encode()
                case Function("format-json" | "format-flat-json"):
                    printed += formatter_of(part, macros)(message)
                case Function("sanitize" | "format-welf"):
                    printed += template_of(part, macros)(message)
                case Function("if", (_, yes, no), (text, *_)):
                    holds = self.holds(read_condition(text, macros), message)
                    printed += self.parts(yes if holds else no, message, macros)
                case Function(name, arguments):
                    found = function_named(name)
                    assert isinstance(found, Plain)
                    printed += found.call(
                        *[self.parts(item, message, macros) for item in arguments]
                    )
        return printed

    @staticmethod
    def macro(name: str, message: Message, macros: MacroContext) -> bytes:
        """Return the value of a macro or name-value pair."""
        function = macro_function(name, macros)
        if function is not None:
            return function(message)
        return message.values.get(name, b"")

    def value(self, name: str, message: Message) -> bytes:
        """Return a field as filters see it."""
        if name in _ATTRIBUTES:
            value: bytes = getattr(message, _ATTRIBUTES[name])
            return value
        return self.macro(name, message, self.macros)

    # -- filters --------------------------------------------------------------------

    def holds(self, expression: Any, message: Message) -> bool:
        """Tell whether a filter matches."""
        match expression:
            case And(parts):
                return all(self.holds(part, message) for part in parts)
            case Or(parts):
                return any(self.holds(part, message) for part in parts)
            case Not(part):
                return not self.holds(part, message)
            case FilterReference(_, inner):
                return self.holds(inner, message)
            case Comparison(left, sign, right):
                return self.compare(left, sign, right, message)
            case FilterCall(name, options):
                return self.call(name, options, message)
        raise AssertionError(expression)

    def compare(
        self, left: TemplateText, sign: str, right: TemplateText, message: Message
    ) -> bool:
        """Compare two templates."""
        if sign.isalpha():
            first = self.expand(left.text, message, self.macros)
            second = self.expand(right.text, message, self.macros)
            return bool(_OPERATORS[sign](first, second))
        pairs = [
            pair_function(side.text, side.hint, self.macros)(message)
            for side in (left, right)
        ]
        return compare_pairs(sign, *pairs)

    def call(self, name: str, options: Any, message: Message) -> bool:
        """Evaluate one filter function."""
        assert name in FILTERS
        match name:
            case "level" | "severity" | "priority":
                return message.pri % 8 in options.codes
            case "facility":
                return message.pri // 8 in options.codes
            case "netmask" | "netmask6":
                return _is_in_net(options.network, name, message.origin)
            case "in-list":
                lines = Path(options.file).read_bytes().splitlines()
                return self.value(options.value, message) in lines
            case "tags":
                return any(tag.encode() in message.tags for tag in options.names)
            case "program" | "host" | "message":
                text = self.value(name.upper(), message)
            case "source":
                text = message.origin.source.partition(b"#")[0]
            case "match" if options.value:
                text = self.value(options.value, message)
            case "match" if options.template is not None:
                text = self.expand(options.template.text, message, self.macros)
            case _:
                assert name == "match", name
                text = self.expand("$MSGHDR$MSG", message, self.macros)
        return _matches(options, text)

    # -- rewrites and parsers ---------------------------------------------------------

    def apply(self, spec: Spec, message: Message) -> bool:
        """Run one rewrite or parser; false when the message leaves the path."""
        options: Any = spec.options
        if spec.kind not in REWRITES:
            parse = make_parser(spec, self.macros)
            text = message.message
            if options.template is not None:
                text = self.expand(options.template.text, message, self.macros)
            return parse(message, text)
        if options.condition is not None and not self.holds(options.condition, message):
            return True
        match spec.kind:
            case "set":
                template = options.template
                pair = pair_function(template.text, template.hint, self.macros)
                self.assign(options.value, *pair(message), message)
            case "subst":
                name = options.value
                new = self.substituted(options, message)
                if new != self.value(name, message):
                    self.assign(name, new, "", message)
            case "unset":
                self.unset(options.value, message)
            case "unset-matches":
                REWRITES_OF_ONE_VALUE["set-matches"](message, b"")
            case "rename":
                rename(message, *options.names)
            case "groupunset":
                change_group(message, options.values, None)
            case "guess-time-zone":
                change_zone(message, spec.kind, options, b"")
            case _ if options.template is not None:
                value = self.expand(options.template.text, message, self.macros)
                self.change(spec.kind, options, value, message)
            case _:
                raise AssertionError(spec.kind)
        return True

    @staticmethod
    def change(kind: str, options: Any, value: bytes, message: Message) -> None:
        """Run a rewrite that takes the value of a template."""
        match kind:
            case "groupset":
                change_group(message, options.values, value)
            case "fix-time-zone" | "set-time-zone":
                change_zone(message, kind, options, value)
            case _:
                REWRITES_OF_ONE_VALUE[kind](message, value)

    def substituted(self, options: Any, message: Message) -> bytes:
        """Return the value with what matches replaced; ``$1`` … are set by the way."""
        old = self.value(options.value, message)
        text = options.texts[1]
        assert options.type == "pcre"
        is_global, is_first = "global" in options.flags, True

        def replaced(match: re.Match[bytes]) -> bytes:
            nonlocal is_first
            was_first, is_first = is_first, False
            if is_global and match.start() == match.end() == len(old) and not was_first:
                return b""
            if re.search(r"\$\{?\d", text):
                self.keep_groups(match, message)
            return self.expand(text, message, self.macros)

        pattern = re.compile(options.texts[0].encode())
        return pattern.sub(replaced, old, 0 if is_global else 1)

    @staticmethod
    def keep_groups(match: re.Match[bytes], message: Message) -> None:
        """Set ``$0``, ``$1`` …, and forget those of an earlier match."""
        for name in [name for name in message.values if name.isdigit()]:
            del message.values[name]
        for number, group in enumerate((match[0], *match.groups())):
            if group is not None:
                message.values[str(number)] = group

    def unset(self, name: str, message: Message) -> None:
        """Take a field away."""
        if name in _ATTRIBUTES:
            self.assign(name, b"", "", message)
        else:
            message.values.pop(name, None)
            message.types.pop(name, None)

    @staticmethod
    def assign(name: str, value: bytes, kind: str, message: Message) -> None:
        """Set a field."""
        attribute = _ATTRIBUTES.get(name)
        if attribute is None:
            message.values[name] = value
            message.types.pop(name, None)
            if kind:
                message.types[name] = kind
            return
        setattr(message, attribute, value)
        if attribute in {"program", "pid"}:
            message.header = b""

    # -- records ----------------------------------------------------------------------

    def deliver(self, id_: str, message: Message) -> None:
        """Render the message for a destination."""
        rendering = self.context.renderings[id_]
        record = self.record(rendering, message)
        key = b""
        if rendering.key is not None:
            key = self.expand(rendering.key.text, message, self.macros)
        self.delivered.setdefault(id_, []).append((key, record))

    def record(self, rendering: Rendering, message: Message) -> bytes:
        """Return the record."""
        time = rendering.time
        macros = replace(
            self.macros,
            format=time.format,
            frac_digits=time.frac_digits,
            zone=Zone(time.time_zone) if time.time_zone else None,
        )
        bsd = replace(macros, format="bsd", frac_digits=0)
        match rendering.form:
            case "rfc3164":
                record = self.expand(
                    "<$PRI>$DATE $FULLHOST $MSGHDR$MSG\n", message, bsd
                )
            case "file":
                record = self.expand("$DATE $FULLHOST $MSGHDR$MSG\n", message, macros)
            case "rfc5424":
                record = self.protocol_record(rendering, message, macros)
            case _:
                assert rendering.template is not None
                record = self.expand(rendering.template.text, message, macros)
        if rendering.truncate_size >= 0:
            record = record[: rendering.truncate_size]
        if rendering.octet_count:
            record = b"%d %b" % (len(record), record)
        return record

    def protocol_record(
        self, rendering: Rendering, message: Message, macros: MacroContext
    ) -> bytes:
        """Return an RFC 5424 record."""
        text = "$MSG" if rendering.template is None else rendering.template.text
        return b" ".join(
            [
                b"<%d>1" % message.pri,
                self.expand("$ISODATE", message, macros),
                first_word(message.host),
                first_word(message.program),
                first_word(message.pid),
                first_word(message.msgid),
                encode_sdata(message.values) or b"-",
                (b"\xef\xbb\xbf" if message.utf8 else b"")
                + self.expand(text, message, macros)
                + b"\n",
            ]
        )


def template_of(part: Function, macros: MacroContext) -> Any:
    """Return the program's own function: a table checks what it prints."""
    words = " ".join(f'"{word}"' for word in part.raw)
    return template_function(TemplateText(f"$({part.name} {words})", NOWHERE), macros)


def _matches(options: Any, text: bytes) -> bool:
    pattern, flags = options.pattern.encode(), options.flags
    ignores_case = bool(flags & {"ignore-case", "icase"})
    if options.type == "string":
        if ignores_case:
            pattern, text = pattern.lower(), text.lower()
        if "substring" in flags:
            return pattern in text
        return text.startswith(pattern) if "prefix" in flags else text == pattern
    if options.type == "glob":
        return bool(compile_pattern(options.pattern, "glob", flags).search(text))
    return bool(re.search(pattern, text, re.IGNORECASE if ignores_case else 0))
