"""
From syntax to a configuration: names followed, options read, log paths as trees.

Statements may come in any order: global options are read first, then templates, then
everything else on demand, so that a filter may use a filter defined below it. Unknown
names and cycles are reported where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.diagnostics import Diagnostics, did_you_mean
from logferry.config.elsewhere import ELSEWHERE, library_names, remedy
from logferry.config.filters import parse_filter
from logferry.config.filterx.options import FilterxOptions
from logferry.config.filterx.parse import parse_filterx
from logferry.config.kinds import Template, YesNo, template_of_version, text_of
from logferry.config.nodes import (
    Argument,
    Block,
    Call,
    Code,
    Configuration,
    DestinationGroup,
    FilterExpression,
    FilterStep,
    LogPath,
    Operator,
    ProcessStep,
    SourceGroup,
    Span,
    Spec,
    Statement,
    TemplateText,
    Text,
    Word,
)
from logferry.config.paths import PathReader
from logferry.config.references import References
from logferry.config.repair import names_in
from logferry.config.schema import Scope
from logferry.config.template_cycles import report_template_cycles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.schema import Options, Registry

__all__ = ["Resolver"]

_KEYWORDS = (
    "options",
    "source",
    "destination",
    "filter",
    "parser",
    "rewrite",
    "template",
    "template-function",
    "log",
    "python",
)


_ALL_KEYWORDS = (*_KEYWORDS, "block", "application")

_PATHS = frozenset({"channel", "junction", "log"})


class Resolver:
    """Resolves the statements of one configuration."""

    def __init__(
        self, registry: Registry, diagnostics: Diagnostics, version: tuple[int, int]
    ) -> None:
        self.diagnostics = diagnostics
        self.registry = registry
        self._version = version
        self.has_library = False
        self.allows_duplicates = False
        self.doubtful: set[str] = set()
        self.block_names: dict[str, list[str]] = {}
        self._unknown_names: set[tuple[str, str]] = set()
        self.templates: dict[str, TemplateText] = {}
        self.scope = Scope(
            diagnostics,
            version=version,
            templates=self.templates,
            registry=registry,
            find_filter=self._filter_expression,
        )
        self._objects: dict[tuple[str, str], tuple[Block, Span]] = {}
        self.code: list[Code] = []
        self.scope.code = self.code
        self._logs: list[Statement] = []
        self._option_calls: list[Argument] = []
        self.sources: dict[str, SourceGroup] = {}
        self.destinations: dict[str, DestinationGroup] = {}
        self.filters: dict[str, FilterStep] = {}
        self.processors: dict[tuple[str, str], ProcessStep] = {}
        self._references = References(diagnostics)
        self._anonymous_count: dict[str, int] = {}
        self._declared: set[str] = set()
        self._filterx: list[FilterxOptions] = []

    def resolve(self, statements: list[Statement]) -> Configuration:
        """Return the configuration; problems go to the diagnostics."""
        for statement in statements:
            self._collect(statement)
        report_template_cycles(self.templates, self.diagnostics)
        options = self.registry.globals.read(self._option_calls, self.scope)
        self.scope.globals = options
        for kind, name in self._objects:
            self.find(kind, name)
        paths = PathReader(self)
        log_paths = tuple(
            path
            for statement in self._logs
            if (path := paths.log_path(statement)) is not None
        )
        self._check_path_names(log_paths)
        self._check_filterx()
        return Configuration(
            self._version,
            options,
            self.sources,
            self.destinations,
            self.filters,
            self.processors,
            self.templates,
            log_paths,
            python=tuple(self.code),
            defined=self._defined(),
            used=frozenset(self.scope.used),
        )

    def filterx(self, code: Code) -> ProcessStep:
        """Make the step that a ``filterx`` block is."""
        block = parse_filterx(code.text, code.span, self.diagnostics)
        self._declared |= block.declared
        options = FilterxOptions(block, self._declared)
        number = len(self._filterx)
        self._filterx.append(options)
        name = f"#anon-filterx{number}"
        step = Spec("filterx", options, f"{name}#0", code.span)
        return ProcessStep(name, "filterx", (step,), code.span)

    def _check_filterx(self) -> None:
        """Report what is wrong in blocks; now it is known what any of them declares."""
        check = self.registry.check_filterx
        for options in self._filterx:
            if check is not None:
                check(options, self.diagnostics)

    def _check_path_names(self, paths: tuple[LogPath, ...]) -> None:
        """Report log paths with the same name: their counters would be one."""
        seen = set()
        for path in paths:
            if path.name and path.name in seen and not self.allows_duplicates:
                self._duplicate("log path", path.name, path.span)
            seen.add(path.name)

    def _defined(self) -> dict[tuple[str, str], Span]:
        """Return the places of all named statements."""
        found = {key: span for key, (_, span) in self._objects.items()}
        found |= {
            ("template", name): template.span
            for name, template in self.templates.items()
            if not name.endswith("()")
        }
        return found

    # -- collecting -----------------------------------------------------------

    def _collect(self, statement: Statement) -> None:
        first, *rest = statement.elements
        keyword = (
            first.text.lower().replace("_", "-") if isinstance(first, Word) else ""
        )
        if keyword not in _KEYWORDS:
            word = text_of(first) or (first.name if isinstance(first, Call) else "")
            if {word, word.replace("-", "_")} & self.doubtful:
                return
            self.doubtful |= names_in(statement.elements)
            self.diagnostics.error(
                f"unknown statement '{word}'" if word else "a statement was expected",
                first.span,
                self._statement_hint(first, word),
            )
        elif keyword == "log":
            self._logs.append(statement)
        elif keyword == "options":
            self._collect_options(statement, rest)
        elif keyword == "template":
            self._collect_template(statement, rest)
        elif keyword == "template-function":
            self._collect_template(statement, rest, is_function=True)
        elif keyword == "python":
            self._collect_code(statement, rest)
        else:
            self._collect_object(keyword, statement, rest)

    def _statement_hint(self, first: Argument, word: str) -> str:
        """Return what to do about a statement that begins with ``first``."""
        name = word.lower().replace("_", "-")
        registry = self.scope.registry
        if name == "filterx":
            return "write block filterx NAME() { … };"
        if name in _KEYWORDS and isinstance(first, Call):
            return f"write {name} NAME {{ … }};"
        if registry is not None and isinstance(first, Call):
            for kind, known in (
                ("source", registry.sources),
                ("destination", registry.destinations),
                ("parser", registry.parsers),
                ("rewrite", registry.rewrites),
                ("filter", registry.filters),
            ):
                if name in known:
                    return f"put it into a statement: {kind} NAME {{ {name}(…); }};"
        return did_you_mean(word, _ALL_KEYWORDS) or "expected " + ", ".join(_KEYWORDS)

    def _collect_options(self, statement: Statement, rest: list[Argument]) -> None:
        if len(rest) != 1 or not isinstance(rest[0], Block):
            self._expected_semicolon("options { … }", statement)
            return
        for inner in rest[0].statements:
            self._option_calls.extend(inner.elements)

    def _collect_code(self, statement: Statement, rest: list[Argument]) -> None:
        for item in rest:
            if isinstance(item, Code):
                self.code.append(item)
            else:
                self._expected_semicolon("python { … }", statement, item.span)

    def _collect_template(
        self, statement: Statement, rest: list[Argument], *, is_function: bool = False
    ) -> None:
        name = text_of(rest[0]) if rest else None
        if name is None or len(rest) != 2:
            self._expected_semicolon('template name "text"', statement)
            return
        if is_function:
            name = f"{name.lower().replace('_', '-')}()"
        if name in self.templates and not self.allows_duplicates:
            kind = "template-function" if is_function else "template"
            self._duplicate(kind, name.removesuffix("()"), rest[0].span)
            return
        body = rest[1]
        if isinstance(body, Block):
            template = self._template_of(body)
        else:
            text = text_of(body)
            template = None if text is None else self._template(text, body.span)
        if template is None:
            self.diagnostics.error("expected the text of the template", body.span)
        else:
            self.templates[name] = template

    def _template_of(self, block: Block) -> TemplateText | None:
        """Read ``{ template("…"); template-escape(no); }``."""
        elements = [item for each in block.statements for item in each.elements]
        template = None
        for element in elements:
            if isinstance(element, Text):
                template = self._template(element.value, element.span)
            elif isinstance(element, Call) and element.name == "template":
                template = Template().read(element.arguments, element.span, self.scope)
            elif isinstance(element, Call) and element.name == "template-escape":
                if YesNo().read(element.arguments, element.span, self.scope):
                    self.diagnostics.warning(
                        "template-escape() has no effect here: records are escaped "
                        "where they are written",
                        element.span,
                        "give it to the destination that uses the template",
                        rule="no-effect",
                    )
            else:
                self.diagnostics.error(
                    "unexpected word in a template",
                    element.span,
                    'write template("…") or template-escape(no)',
                )
        return template

    def _template(self, text: str, span: Span) -> TemplateText:
        return TemplateText(template_of_version(text, self._version), span)

    def _collect_object(
        self, kind: str, statement: Statement, rest: list[Argument]
    ) -> None:
        name = text_of(rest[0]) if rest else None
        if name is None or len(rest) < 2 or not isinstance(rest[1], Block):
            self.diagnostics.error(
                f"expected a name and a block after {kind}",
                statement.span,
                f"write {kind} name {{ … }};",
            )
            return
        if len(rest) > 2:
            self._expected_semicolon(
                f"{kind} {name} {{ … }}", statement, rest[1].span.behind
            )
        if (kind, name) in self._objects and not self.allows_duplicates:
            self._duplicate(kind, name, rest[0].span)
            return
        self._objects[kind, name] = rest[1], rest[0].span

    def _duplicate(self, kind: str, name: str, span: Span) -> None:
        self.diagnostics.error(
            f"duplicate {kind} definition '{name}'",
            span,
            "rename one of them, or write @define allow-config-dups 1",
        )

    def _expected_semicolon(
        self, after: str, statement: Statement, span: Span | None = None
    ) -> None:
        self.diagnostics.error(f"expected ';' after {after}", span or statement.span)

    # -- objects, on demand ---------------------------------------------------

    def find(self, kind: str, name: str, span: Span | None = None) -> object | None:
        """Return the object of ``kind`` called ``name``, resolving it if need be."""
        if span is not None:
            self.scope.used.add((kind, name))
        known = self._resolved(kind, name)
        if known is not None:
            if span is None or self._references.use((kind, name), span):
                return known
            return None
        if (kind, name) not in self._objects:
            if span is not None and self._is_news(kind, name):
                names = [item for group, item in self._objects if group == kind]
                groups = [group for group, item in self._objects if item == name]
                self.diagnostics.error(
                    f"unknown {kind} '{name}'",
                    span,
                    (f"it is a {groups[0]}" if groups else did_you_mean(name, names))
                    or f"define it with {kind} {name} {{ … }};",
                )
            return None
        block, place = self._objects[kind, name]
        if (kind, name) in self._references:
            self._references.report_cycle((kind, name), span or place)
            return None
        if self._references.is_too_deep(span or place):
            return None
        self._references.enter((kind, name))
        try:
            found = self.define(kind, name, block, place)
        finally:
            self._references.leave()
        if span is not None and not self._references.use((kind, name), span):
            return None
        return found

    def _is_news(self, kind: str, name: str) -> bool:
        """
        Tell whether nobody was told yet that ``name`` is unknown.

        What a statement that could not be read defines is known not to be known.
        """
        is_news = name not in self.doubtful and (kind, name) not in self._unknown_names
        self._unknown_names.add((kind, name))
        return is_news

    def _resolved(self, kind: str, name: str) -> object | None:
        match kind:
            case "source":
                return self.sources.get(name)
            case "destination":
                return self.destinations.get(name)
            case "filter":
                return self.filters.get(name)
            case _:
                return self.processors.get((kind, name))

    def define(self, kind: str, name: str, block: Block, span: Span) -> object | None:
        """Make the object that ``block`` describes."""
        match kind:
            case "source":
                return self._define_source(name, block, span)
            case "destination":
                return self._define_destination(name, block, span)
            case "filter":
                return self._define_filter(name, block, span)
            case _:
                steps = PathReader(self).steps(kind, name, block)
                step = self.processors[kind, name] = ProcessStep(
                    name, kind, steps, span
                )
                return step

    def anonymous(self, kind: str, block: Block, span: Span) -> object | None:
        """Make the object of an inline ``kind { … }``."""
        number = self._anonymous_count.get(kind, 0)
        self._anonymous_count[kind] = number + 1
        return self.define(kind, f"#anon-{kind}{number}", block, span)

    def _define_source(self, name: str, block: Block, span: Span) -> SourceGroup:
        paths, drivers = _split_paths(block)
        source = SourceGroup(
            name,
            self._drivers("source", name, drivers, self.registry.sources),
            span,
            PathReader(self).elements(paths) if paths.statements else (),
        )
        self.sources[name] = source
        return source

    def _define_destination(
        self, name: str, block: Block, span: Span
    ) -> DestinationGroup:
        channel: LogPath | None = None
        paths, rest = _split_paths(block)
        if paths.statements:
            elements = PathReader(self).elements(paths)
            channel = LogPath(elements, frozenset(), span)
        drivers = self._drivers("destination", name, rest, self.registry.destinations)
        group = DestinationGroup(name, drivers, span, channel)
        self.destinations[name] = group
        return group

    def _define_filter(self, name: str, block: Block, span: Span) -> FilterStep | None:
        arguments: list[Argument] = []
        for statement in block.statements:
            arguments.extend(statement.elements)
            arguments.append(Operator(";", statement.span))
        expression = parse_filter(arguments, span, self.scope)
        if expression is None:
            return None
        step = self.filters[name] = FilterStep(name, expression, span)
        return step

    def _filter_expression(self, name: str, span: Span) -> FilterExpression | None:
        step = self.find("filter", name, span)
        return step.expression if isinstance(step, FilterStep) else None

    def _drivers(
        self, kind: str, name: str, block: Block, known: Mapping[str, type[Options]]
    ) -> tuple[Spec, ...]:
        specs: list[Spec] = []
        for statement in block.statements:
            call = statement.elements[0]
            if not isinstance(call, Call):
                self.diagnostics.error(
                    f"expected a {kind} driver", call.span, "such as network( … );"
                )
                continue
            if len(statement.elements) > 1:
                self._expected_semicolon(
                    f"{call.name}( … )", statement, call.span.behind
                )
            spec = self.spec(kind, call, known, f"{name}#{len(specs)}")
            if spec is not None:
                specs.append(spec)
        return tuple(specs)

    def spec(
        self, kind: str, call: Call, known: Mapping[str, type[Options]], id_: str
    ) -> Spec | None:
        """Read one driver, parser or rewrite."""
        options = known.get(call.name)
        if options is None:
            self._unknown(kind, call, known)
            return None
        self.scope.path = f"{kind} {call.name}"
        values = options.read(call.arguments, self.scope, call.span)
        return Spec(call.name, values, id_, call.span)

    def _other_kind(self, kind: str, name: str) -> str:
        """Return what else is called ``name``, or nothing."""
        registry = self.registry
        tables: dict[str, Mapping[str, object]] = {
            "source": registry.sources,
            "destination": registry.destinations,
            "parser": registry.parsers,
            "rewrite": registry.rewrites,
            "filter": registry.filters,
        }
        found = (word for word, table in tables.items() if name in table)
        return next((word for word in found if word != kind), "")

    def _unknown(
        self, kind: str, call: Call, known: Mapping[str, type[Options]]
    ) -> None:
        """Report a driver, parser or rewrite that there is not."""
        name = call.name
        if name in self.doubtful:
            return
        if not self.has_library and (kind, name) in library_names():
            hint = 'it is in the library: write @include "scl.conf" first'
        elif name in ELSEWHERE.get(kind, ()):
            hint = (
                f"syslog-ng or AxoSyslog has it, logferry has not: {remedy(kind, name)}"
            )
        elif other := self._other_kind(kind, name):
            hint = f"it is a {other}: write it in {other} {{ … }}"
        elif owner := _owner_of_option(name, known):
            hint = f"it is an option: write it inside the parentheses of {owner}()"
        else:
            blocks = list(self.block_names.get(kind, ()))
            blocks += [item for context, item in library_names() if context == kind]
            hint = did_you_mean(name, [*known, *blocks])
            hint = hint or f"'logferry options {kind}' lists them all"
        self.diagnostics.error(f"unknown {kind} {name}()", call.name_span, hint)


def _owner_of_option(name: str, known: Mapping[str, type[Options]]) -> str:
    """Return a driver that has an option of this name, or nothing."""
    owners = [word for word, options in known.items() if name in options.by_name()]
    return "network" if "network" in owners else next(iter(owners), "")


def _split_paths(block: Block) -> tuple[Block, Block]:
    """Return the log path elements in ``block``, and its drivers."""
    paths: list[Statement] = []
    drivers: list[Statement] = []
    for statement in block.statements:
        first = statement.elements[0]
        is_path = isinstance(first, Word) and first.text.lower() in _PATHS
        (paths if is_path else drivers).append(statement)
    return Block(tuple(paths), block.span), Block(tuple(drivers), block.span)
