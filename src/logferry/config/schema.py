"""
Options, declared once.

An options class names each option as a descriptor; from that one declaration come
the parser, the error messages, the documentation pages, ``logferry options`` and the
compatibility report::

    class FailbackOptions(Options):
        tcp_probe_interval = Option(Seconds(minimum=1), default=60.0, doc="…")
        successful_probes_required = Option(Integer(minimum=1), default=3, doc="…")

    options = FailbackOptions.read(call.arguments, scope)
    options.tcp_probe_interval   # -> 60.0

The attribute's name with ``-`` for ``_`` is the option's name in the configuration
unless ``name=`` says otherwise. A ``kind`` turns arguments into the value; it reports
to ``scope.diagnostics`` and returns ``None`` when it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, overload

from logferry.config.diagnostics import Diagnostics, did_you_mean
from logferry.config.nodes import (
    NOWHERE,
    Argument,
    Call,
    Code,
    FilterExpression,
    Operator,
    Span,
    Word,
)
from logferry.config.stamps import stamp_of

__all__ = ["ByVersion", "FromGlobal", "Kind", "Option", "Options", "Registry", "Scope"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class Scope:
    """What reading options needs to know of the rest of the configuration."""

    diagnostics: Diagnostics
    globals: Options | None = None
    version: tuple[int, int] = (4, 27)
    templates: Mapping[str, Any] = field(default_factory=dict)
    registry: Registry | None = None
    find_filter: Callable[[str, Span], FilterExpression | None] | None = None
    used: set[tuple[str, str]] = field(default_factory=set)
    code: list[Code] = field(default_factory=list)  # of python { … } blocks
    path: str = ""  # "destination network", for messages

    def template_named(self, name: str) -> Any:
        """Return the template called ``name``, or ``None``."""
        found = self.templates.get(name)
        if found is not None:
            self.used.add(("template", name))
        return found

    def filter_named(self, name: str, span: Span) -> FilterExpression | None:
        """Return what ``filter(name)`` refers to; an unknown name is reported."""
        if self.find_filter is None:
            self.diagnostics.error(f"no filter '{name}' can be known here", span)
            return None
        return self.find_filter(name, span)


class Kind(Protocol[T_co]):
    """The type of an option's value: how it is read and how it is described."""

    @property
    def title(self) -> str:
        """What is expected, for messages and pages: ``a number of seconds``."""
        ...

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> T_co | None:
        """Return the value, or report to ``scope.diagnostics`` and return ``None``."""
        ...


@dataclass(frozen=True, slots=True)
class FromGlobal:
    """A default that is taken from the global option of this attribute name."""

    attribute: str


@dataclass(frozen=True, slots=True)
class ByVersion(Generic[T]):
    """
    A default that older configurations have differently.

    Attributes:
        value: the default today.
        before: versions and the defaults below them, the oldest first.

    """

    value: T
    before: tuple[tuple[tuple[int, int], T], ...]

    def at(self, version: tuple[int, int]) -> T:
        """Return the default of a configuration of this version."""
        for limit, value in self.before:
            if version < limit:
                return value
        return self.value


class Option(Generic[T]):
    """
    One option of a driver.

    Args:
        kind: how its value is read.
        default: its value when it is absent, or :class:`FromGlobal`, or
            :class:`ByVersion`.
        doc: one or two sentences for the pages, plain text.
        name: its name in the configuration, where the attribute's will not do.
        aliases: further names with the same meaning.
        obsolete: further names that still work and warn.
        unit: the unit of the value, for the pages.
        positional: it is what stands in the parentheses without a name.
        repeatable: several occurrences add up (the value is a tuple).
        required: absent is an error.
        no_effect: why it is accepted without effect here; warns once when used.
        may_be_empty: empty parentheses mean the default.
        is_read: it names a file or folder that is read at the start: another content
            there is another value.

    """

    def __init__(
        self,
        kind: Kind[T],
        default: T | FromGlobal | ByVersion[T],
        *,
        doc: str,
        name: str = "",
        aliases: Sequence[str] = (),
        obsolete: Sequence[str] = (),
        unit: str = "",
        positional: bool = False,
        repeatable: bool = False,
        required: bool = False,
        no_effect: str = "",
        may_be_empty: bool = False,
        is_read: bool = False,
    ) -> None:
        self.kind = kind
        self.default = default
        self.doc = doc
        self.name = name
        self.attribute = ""
        self.aliases = tuple(aliases)
        self.obsolete = tuple(obsolete)
        self.unit = unit
        self.positional = positional
        self.repeatable = repeatable
        self.required = required
        self.no_effect = no_effect
        self.may_be_empty = may_be_empty
        self.is_read = is_read

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name
        if not self.name:
            self.name = name.replace("_", "-")

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...
    @overload
    def __get__(self, instance: Options, owner: type) -> T: ...
    def __get__(self, instance: Options | None, owner: type) -> Option[T] | T:
        if instance is None:
            return self
        value: T = instance._values[self.attribute]
        return value


class Options:
    """
    Values of a set of options; subclasses declare them as :class:`Option`.

    Attributes:
        given: attribute names that the configuration set, with their places.
        span: the place of the whole.
        globals: the global options, where there are any.

    """

    #: What the pages and messages call this set, such as ``destination network``.
    title: ClassVar[str] = ""

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        given: Mapping[str, Span] | None = None,
        span: Span = NOWHERE,
        globals_: Options | None = None,
    ) -> None:
        values = values or {}
        self.given: dict[str, Span] = dict(given or {})
        self.span = span
        self.globals = globals_
        self._values: dict[str, Any] = {}
        for option in self.table().values():
            value = values.get(option.attribute, option.default)
            if isinstance(value, FromGlobal):
                value = self._global_value(value, globals_)
            elif isinstance(value, ByVersion):
                value = value.value
            self._values[option.attribute] = value
        self._stamps = {
            name: stamp_of(self._values[name])
            for name, option in self.table().items()
            if option.is_read and self._values[name]
        }
        unknown = set(values) - set(self._values)
        assert not unknown, f"no such option: {unknown}"

    def __eq__(self, other: object) -> bool:
        """
        Two sets are equal when all values are, wherever they were written.

        Files that were replaced meanwhile make a difference (``Option.is_read``).
        """
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Options)
        return self._values == other._values and self._stamps == other._stamps

    def has_values_of(self, other: Options) -> bool:
        """Tell whether both say the same, whatever the files they name hold."""
        return type(self) is type(other) and self._values == other._values

    __hash__ = None  # type: ignore[assignment] # values may be unhashable

    @staticmethod
    def _global_value(reference: FromGlobal, globals_: Options | None) -> Any:
        if globals_ is None:
            from logferry.config.options import GlobalOptions  # the only cycle

            globals_ = GlobalOptions()
        return getattr(globals_, reference.attribute)

    @classmethod
    @cache
    def table(cls) -> dict[str, Option[Any]]:
        """Return the options by attribute name, inherited ones first."""
        found: dict[str, Option[Any]] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Option):
                    found[name] = value
                elif name in found:
                    del found[name]  # a subclass takes an option away with `x = None`
        return found

    @classmethod
    @cache
    def by_name(cls) -> dict[str, Option[Any]]:
        """Return the options by every name the configuration may use."""
        found: dict[str, Option[Any]] = {}
        for option in cls.table().values():
            for name in (option.name, *option.aliases, *option.obsolete):
                found[name] = option
        return found

    @classmethod
    def read(
        cls, arguments: Sequence[Argument], scope: Scope, span: Span = NOWHERE
    ) -> Self:
        """
        Read options from syntax; problems go to ``scope.diagnostics``.

        Always returns an instance: what could not be read has its default.
        """
        values: dict[str, Any] = {}
        given: dict[str, Span] = {}
        positional: list[Argument] = []
        tried: set[str] = set()
        names = cls.by_name()
        for argument in arguments:
            if isinstance(argument, Operator) and argument.text in {",", ";"}:
                continue
            if not isinstance(argument, Call):
                positional.append(argument)
                continue
            option = names.get(argument.name)
            if option is None:
                cls._read_unknown(argument, scope, names)
                continue
            cls._note_name(option, argument, scope)
            if option.may_be_empty and not argument.arguments:
                continue
            value = option.kind.read(argument.arguments, argument.span, scope)
            if value is None:
                tried.add(option.attribute)
                continue
            given[option.attribute] = argument.span
            if option.repeatable:
                value = (*values.get(option.attribute, ()), *value)
            values[option.attribute] = value
        cls._read_positional(positional, values, given, scope, tried)
        for option in cls.table().values():
            if isinstance(option.default, ByVersion) and option.attribute not in values:
                values[option.attribute] = option.default.at(scope.version)
            is_missing = option.required and option.attribute not in values
            if is_missing and option.attribute not in tried:
                scope.diagnostics.error(
                    f"{option.name}() is missing in {cls.title or scope.path}",
                    span,
                    f"expected {option.kind.title}",
                )
        options = cls(values, given, span, scope.globals)
        options.check(scope)
        return options

    def check(self, scope: Scope) -> None:
        """Report what is wrong with options that are right one by one."""

    @classmethod
    def _note_name(cls, option: Option[Any], call: Call, scope: Scope) -> None:
        if call.name in option.obsolete:
            scope.diagnostics.warning(
                f"{call.name}() is an obsolete name",
                call.name_span,
                f"write {option.name}()",
                rule="obsolete-name",
            )
        if option.no_effect:
            scope.diagnostics.warning(
                f"{call.name}() has no effect: {option.no_effect}",
                call.name_span,
                rule="no-effect",
            )

    @classmethod
    def _read_unknown(
        cls, call: Call, scope: Scope, names: Mapping[str, Option[Any]]
    ) -> None:
        """Report an option that nobody declared; subclasses may know better."""
        scope.diagnostics.error(
            f"unknown option {call.name}() in {cls.title or scope.path}",
            call.name_span,
            cls._other_side(call.name, scope) or did_you_mean(call.name, names),
        )

    @classmethod
    def _other_side(cls, option: str, scope: Scope) -> str:
        """Return a hint when the driver of the same name at the other end has it."""
        kind, _, driver = cls.title.partition(" ")
        if scope.registry is None or kind not in {"source", "destination"}:
            return ""
        is_source = kind == "source"
        others = scope.registry.destinations if is_source else scope.registry.sources
        options = others.get(driver)
        if options is None or option not in options.by_name():
            return ""
        return f"only {'destinations' if is_source else 'sources'} have it"

    @classmethod
    def _read_positional(
        cls,
        arguments: Sequence[Argument],
        values: dict[str, Any],
        given: dict[str, Span],
        scope: Scope,
        tried: set[str],
    ) -> None:
        option = next((item for item in cls.table().values() if item.positional), None)
        if option is None:
            names = cls.by_name()
            rest = iter(arguments)
            for argument in rest:
                name = getattr(argument, "text", "").lower().replace("_", "-")
                if isinstance(argument, Word) and name in names:
                    value = getattr(next(rest, None), "text", "…")
                    scope.diagnostics.error(
                        f"the value of {name} stands in parentheses",
                        argument.span,
                        f"write {name}({value})",
                    )
                    continue
                scope.diagnostics.error(
                    f"unexpected value in {cls.title or scope.path}",
                    argument.span,
                    "expected an option such as "
                    + ", ".join(f"{name}()" for name in list(cls.by_name())[:3]),
                )
            return
        if arguments:
            value = option.kind.read(arguments, arguments[0].span, scope)
            if value is None:
                tried.add(option.attribute)
            else:
                values[option.attribute] = value
                given[option.attribute] = arguments[0].span


@dataclass(slots=True)
class Registry:
    """
    Every kind of thing a configuration may name, with its options class.

    Made once by the program's top layer, which knows all drivers. Names are as the
    configuration writes them, with ``-``.

    Attributes:
        generate: runs a config generator: ``exec`` or ``python``, its command, its
            arguments; returns the text and raises ``LogferryError``.
        check_filterx: reports what is wrong in a ``FilterxOptions``.

    """

    globals: type[Options]
    sources: Mapping[str, type[Options]] = field(default_factory=dict)
    destinations: Mapping[str, type[Options]] = field(default_factory=dict)
    parsers: dict[str, type[Options]] = field(default_factory=dict)
    rewrites: dict[str, type[Options]] = field(default_factory=dict)
    filters: dict[str, type[Options]] = field(default_factory=dict)
    generate: Callable[[str, str, Mapping[str, str]], str] | None = None
    check_filterx: Callable[[Any, Diagnostics], None] | None = None
