"""
Filters become conditions.

Parts of an expression that depend on the PRI alone are worked out for all PRIs at
start-up and become one membership test. ``and`` and ``or`` keep their order otherwise:
the cheap tests that users put first stay first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.codegen.compare import emit_comparison
from logferry.codegen.emit import hint_of
from logferry.codegen.fields import PRI_MAX
from logferry.codegen.patterns import FLAGS, PatternError, Verdicts, compile_pattern
from logferry.codegen.python.functions import PythonFilterOptions, python_filter
from logferry.codegen.template_text import TemplateError, parse_template
from logferry.codegen.templates import (
    emit_parts,
    emit_template,
    message_only,
    pieces_of,
)
from logferry.config.diagnostics import did_you_mean
from logferry.config.kinds import (
    Enum,
    Flags,
    Integer,
    Template,
    TextKind,
    Words,
    text_of,
)
from logferry.config.nodes import (
    And,
    Argument,
    Comparison,
    FilterCall,
    FilterExpression,
    FilterReference,
    Not,
    Operator,
    Or,
    Span,
    TemplateText,
)
from logferry.config.schema import Option, Options, Scope
from logferry.policy.throttle import TokenBucket
from logferry.syslog.names import FACILITIES, SEVERITIES

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import UnixNanos

__all__ = [
    "FILTERS",
    "emit_filter",
    "is_always_true",
    "is_noticed",
    "pris_of",
    "stores_matches",
]


@dataclass(frozen=True, slots=True)
class _Codes:
    """A list of words or ranges (``info..err``), as a set of numbers."""

    words: tuple[tuple[str, int], ...]
    what: str
    largest: int

    @property
    def title(self) -> str:
        """What is expected."""
        return f"{self.what} names or ranges such as {self.words[0][0]}"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> frozenset[int] | None:
        """Return the numbers."""
        items = [
            item
            for item in arguments
            if not (isinstance(item, Operator) and item.text == ",")
        ]
        found: set[int] = set()
        index = 0
        while index < len(items):
            code = self._code(items[index], scope)
            last = code
            if index + 2 < len(items) and _is_range(items[index + 1]):
                last = self._code(items[index + 2], scope)
                index += 2
            if code is None or last is None:
                return None
            found.update(range(min(code, last), max(code, last) + 1))
            index += 1
        if not found:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return frozenset(found)

    def show(self, codes: frozenset[int]) -> str:
        """Return ``codes`` in words, neighbours as a range: the first word of each."""
        names = {code: word for word, code in reversed(self.words)}
        shown: list[str] = []
        ordered = sorted(codes)
        while ordered:
            count = 1
            while count < len(ordered) and ordered[count] == ordered[0] + count:
                count += 1
            words = [names.get(code, str(code)) for code in ordered[:count]]
            shown += [f"{words[0]}..{words[-1]}"] if count > 2 else words
            del ordered[:count]
        return ", ".join(shown)

    def _code(self, argument: Argument, scope: Scope) -> int | None:
        word = (text_of(argument) or "").lower()
        names = dict(self.words)
        if word.isdigit() and int(word) <= self.largest:
            return int(word)
        if word not in names:
            scope.diagnostics.error(
                f"unknown {self.what} '{word}'",
                argument.span,
                did_you_mean(word, names) or f"expected {self.title}",
            )
            return None
        return names[word]


def _is_range(argument: Argument) -> bool:
    return isinstance(argument, Operator) and argument.text == ".."


class LevelOptions(Options):
    """``level()``, ``severity()``, ``priority()``."""

    title = "filter level"

    codes = Option(
        _Codes(tuple(SEVERITIES.items()), "severity", 7),
        frozenset[int](),
        doc="Severities that pass.",
        positional=True,
        required=True,
    )


class FacilityOptions(Options):
    """``facility()``."""

    title = "filter facility"

    codes = Option(
        _Codes(tuple(FACILITIES.items()), "facility", 127),
        frozenset[int](),
        doc="Facilities that pass.",
        positional=True,
        required=True,
    )


class MatchOptions(Options):
    """``program()``, ``host()``, ``message()``, ``source()``."""

    title = "filter match"

    pattern = Option(
        TextKind("a pattern"),
        "",
        doc="What must match.",
        positional=True,
        required=True,
    )
    type = Option(
        Enum(("pcre", "string", "glob", "posix")), "pcre", doc="The kind of pattern."
    )
    flags = Option(Flags(FLAGS), frozenset[str](), doc="How it is matched.")


class ValueMatchOptions(MatchOptions):
    """``match()``."""

    value = Option(TextKind("a name"), "", doc="Match this name-value pair.")
    template = Option[TemplateText | None](
        Template(), None, doc="Match the value of this template."
    )


class NetmaskOptions(Options):
    """``netmask()``, ``netmask6()``."""

    title = "filter netmask"

    network = Option(
        TextKind("a network such as 10.0.0.0/8"),
        "0.0.0.0/0",
        doc="The network that the sender is in.",
        positional=True,
        required=True,
    )

    def check(self, scope: Scope) -> None:
        """Report what is no network."""
        try:
            ipaddress.ip_network(self.network, strict=False)
        except ValueError:
            scope.diagnostics.error(
                f"'{self.network}' is no network",
                self.given.get("network", self.span),
                "write 10.0.0.0/8, 10.0.0.0/255.0.0.0 or 2001:db8::/32",
            )


class TagsOptions(Options):
    """``tags()``."""

    title = "filter tags"

    names = Option(
        Words(minimum=1), (), doc="One of these tags is set.", positional=True
    )


class InListOptions(Options):
    """``in-list()``."""

    title = "filter in-list"

    file = Option(
        TextKind("a path"), "", doc="One value a line.", positional=True, required=True
    )
    value = Option(TextKind("a name"), "MESSAGE", doc="What is looked up.")


class RateLimitOptions(Options):
    """``rate-limit()``, once ``throttle()``."""

    title = "filter rate-limit"

    template = Option[TemplateText | None](
        Template(),
        None,
        doc="Messages that give the same text share a rate; all do by default.",
        aliases=("key",),
    )
    rate = Option(
        Integer(minimum=1), 1, doc="How many pass.", unit="messages/s", required=True
    )


FILTERS: dict[str, type[Options]] = {
    "level": LevelOptions,
    "severity": LevelOptions,
    "priority": LevelOptions,
    "facility": FacilityOptions,
    "program": MatchOptions,
    "host": MatchOptions,
    "message": MatchOptions,
    "source": MatchOptions,
    "match": ValueMatchOptions,
    "netmask": NetmaskOptions,
    "netmask6": NetmaskOptions,
    "tags": TagsOptions,
    "in-list": InListOptions,
    "python": PythonFilterOptions,
    "rate-limit": RateLimitOptions,
    "throttle": RateLimitOptions,
}
"""Filter functions by name."""

_FIELDS = {"program": "PROGRAM", "host": "HOST", "message": "MESSAGE"}
_RECURRING = {"program", "host", "source"}
_EVERY_PRI = frozenset(range(PRI_MAX + 9))


def pris_of(expression: FilterExpression) -> frozenset[int] | None:
    """Return the PRIs that pass, or ``None`` when more than the PRI matters."""
    match expression:
        case FilterCall("level" | "severity" | "priority", options):
            codes = cast("LevelOptions", options).codes
            return frozenset(pri for pri in _EVERY_PRI if pri & 7 in codes)
        case FilterCall("facility", options):
            facilities = cast("FacilityOptions", options).codes
            return frozenset(pri for pri in _EVERY_PRI if pri >> 3 in facilities)
        case FilterReference(_, inner):
            return pris_of(inner)
        case Not(part):
            pris = pris_of(part)
            return None if pris is None else _EVERY_PRI - pris
        case And(parts) | Or(parts):
            sets = [pris_of(part) for part in parts]
            known = [pris for pris in sets if pris is not None]
            if len(known) < len(sets):
                return None
            if isinstance(expression, And):
                return frozenset.intersection(*known)
            return frozenset.union(*known)
        case _:
            return None


def is_always_true(expression: FilterExpression) -> bool:
    """Tell whether every message passes, as with ``level(debug..emerg)``."""
    return pris_of(expression) == _EVERY_PRI


def stores_matches(expression: FilterExpression) -> bool:
    """Tell whether the filter writes into the message (``flags(store-matches)``)."""
    match expression:
        case And(parts) | Or(parts):
            return any(stores_matches(part) for part in parts)
        case Not(part):
            return stores_matches(part)
        case FilterReference(_, inner):
            return stores_matches(inner)
        case FilterCall(_, options) if isinstance(options, MatchOptions):
            return "store-matches" in options.flags
        case _:
            return False


def emit_filter(
    expression: FilterExpression, fields: Fields, context: MacroContext
) -> str:
    """Return a condition. Raises ``PatternError`` or ``Unsupported``."""
    pris = pris_of(expression)
    if pris is not None:
        return "True" if pris == _EVERY_PRI else fields.pri_in(pris)
    match expression:
        case And(parts):
            parts = tuple(part for part in parts if not is_always_true(part))
            return _join(" and ", parts, fields, context)
        case Or(parts):
            return _join(" or ", parts, fields, context)
        case Not(part):
            return f"not ({emit_filter(part, fields, context)})"
        case FilterReference(_, inner):
            return emit_filter(inner, fields, context)
        case Comparison():
            return emit_comparison(expression, fields, context)
        case FilterCall():
            return _emit_call(expression, fields, context)
    raise AssertionError(expression)


def _join(
    word: str,
    parts: tuple[FilterExpression, ...],
    fields: Fields,
    context: MacroContext,
) -> str:
    codes = []
    for part in _cheap_first(parts):
        code = emit_filter(part, fields, context)
        is_compound = isinstance(_meant(part), And | Or) and pris_of(part) is None
        codes.append(f"({code})" if is_compound else code)
    return word.join(codes)


def _meant(expression: FilterExpression) -> FilterExpression:
    """Return what a reference refers to."""
    while isinstance(expression, FilterReference):
        expression = expression.expression
    return expression


def _cheap_first(parts: tuple[FilterExpression, ...]) -> list[FilterExpression]:
    """Order tests by what they cost, where their order cannot be noticed."""
    costs = [_cost(part) for part in parts]
    if _NOTICED in costs:
        return list(parts)
    ranked = sorted(zip(costs, range(len(parts)), parts, strict=True))
    return [part for _, _, part in ranked]


_NOTICED = 9
"""The cost of tests that do something besides: their order stays."""


def is_noticed(expression: FilterExpression) -> bool:
    """Tell whether the test does something besides, or may fail in its own way."""
    return _cost(expression) == _NOTICED


def _cost(expression: FilterExpression) -> int:
    """Return 0 for a look into a set, up to 4 for a search, or ``_NOTICED``."""
    if pris_of(expression) is not None:
        return 0
    match _meant(expression):
        case And(parts) | Or(parts):
            return max(_cost(part) for part in parts)
        case Not(part):
            return _cost(part)
        case FilterCall(_, MatchOptions() as options):
            if "store-matches" in options.flags:
                return _NOTICED
            return 1 if options.type == "string" else 4
        case FilterCall(_, NetmaskOptions() | TagsOptions() | InListOptions()):
            return 2
        case Comparison():
            return 3
        case _:
            return _NOTICED


def _emit_call(call: FilterCall, fields: Fields, context: MacroContext) -> str:
    options = call.options
    if isinstance(options, MatchOptions):
        return _emit_match(call.name, options, fields, context)
    if isinstance(options, NetmaskOptions):
        network = ipaddress.ip_network(options.network, strict=False)
        bound = fields.constants.bind(_InNetwork(network), "is_in_network")
        return f"{bound}({fields.origin()}.peer_ip)"
    if isinstance(options, TagsOptions):
        tags = frozenset(name.encode() for name in options.names)
        bound = fields.constants.bind(tags, hint_of(b" ".join(sorted(tags)), "tags"))
        return f"not {bound}.isdisjoint({fields.value_of_tags()})"
    if isinstance(options, PythonFilterOptions):
        message_only(fields, "python() gets the message")
        holds = python_filter(options, context)
        return f"{fields.constants.bind(holds, 'python_filter')}(m)"
    if isinstance(options, RateLimitOptions):
        return _emit_rate_limit(options, fields, context)
    assert isinstance(options, InListOptions)
    try:
        lines = Path(options.file).read_bytes().splitlines()
    except OSError as error:
        raise PatternError(f"cannot read {options.file}: {error.strerror}") from error
    bound = fields.constants.bind(frozenset(lines), "listed")
    return f"{fields.value(options.value.lstrip('$'))} in {bound}"


def _emit_rate_limit(
    options: RateLimitOptions, fields: Fields, context: MacroContext
) -> str:
    # One limit for both forms of a program: its state must not depend on the form.
    message_only(fields, "rate-limit() counts messages")
    key = 'b""'
    if options.template is not None:
        key = emit_parts(parse_template(options.template.text), fields, context)
    limit = RateLimit(options.rate, context.now)
    return f"{fields.constants.bind(limit, 'is_within_rate')}({key})"


def _emit_match(
    name: str, options: MatchOptions, fields: Fields, context: MacroContext
) -> str:
    pattern = compile_pattern(options.pattern, options.type, options.flags)
    code = _subject(name, options, fields, context)
    if " % " in code:
        code = f"({code})"
    if "store-matches" in options.flags:
        store = fields.constants.bind(pattern.search, f"{name}_search")
        return fields.store_matches(f"{store}({code})")
    if name in _RECURRING and pattern.how != "equal":
        search = pattern.regex.match if pattern.how == "prefix" else pattern.search
        verdicts = fields.constants.bind(Verdicts(search), f"{name}_matches")
        return f"{verdicts}[{code}]"
    if pattern.how == "regex":
        return f"{fields.constants.bind(pattern.search, f'{name}_search')}({code})"
    literal = fields.constants.bind(pattern.literal, hint_of(pattern.literal))
    match pattern.how:
        case "equal":
            return f"{code} == {literal}"
        case "prefix":
            return f"{code}.startswith({literal})"
        case _:  # "in" first tries to read its operand as a number
            return f"{code}.find({literal}) >= 0"


def _subject(
    name: str, options: MatchOptions, fields: Fields, context: MacroContext
) -> str:
    """Return what the pattern is matched against."""
    if name == "source":
        return f'{fields.origin()}.source.partition(b"#")[0]'
    if name in _FIELDS:
        return fields.value(_FIELDS[name])
    assert isinstance(options, ValueMatchOptions)
    if options.value:
        return fields.value(options.value.lstrip("$"))
    text = options.template.text if options.template is not None else "$MSGHDR$MSG"
    try:
        parts = parse_template(text)
    except TemplateError as error:
        raise PatternError(str(error)) from error
    return emit_template(pieces_of(parts, fields, context), fields).code


class RateLimit:
    """Lets so many messages of a key pass in a second; the rest do not match."""

    _KEYS_MAX = 100_000

    def __init__(self, rate: int, now: list[UnixNanos]) -> None:
        self._rate = rate
        self._now = now
        self._buckets: dict[bytes, TokenBucket] = {}

    def __call__(self, key: bytes) -> bool:
        now = self._now[0] / 1e9
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._KEYS_MAX:
                self._buckets.clear()
            bucket = self._buckets[key] = TokenBucket(self._rate, now)
        if bucket.available(now) < 1:
            return False
        bucket.take(1, now)
        return True


class _InNetwork:
    """Tells whether an address is in a network; remembers what it was asked."""

    def __init__(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
        self._network = network
        self._memo: dict[bytes, bool] = {}

    def __call__(self, address: bytes) -> bool:
        known = self._memo.get(address)
        if known is None:
            if len(self._memo) > 10_000:
                self._memo.clear()
            known = self._memo[address] = self._look(address)
        return known

    def _look(self, address: bytes) -> bool:
        is_six = self._network.version == 6
        text = address.decode() or ("::1" if is_six else "127.0.0.1")
        try:
            return ipaddress.ip_address(text) in self._network
        except ValueError:
            return False
