"""Kinds of option values that only ``http()`` has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from logferry.codegen.template_text import TemplateError
from logferry.config.kinds import Enum, Integer, text_of, values_of
from logferry.config.nodes import Argument, Arrow, Call, Span
from logferry.config.schema import Options, Scope
from logferry.destinations.http.url import TemplateInPlace, UrlTemplate

__all__ = [
    "PeerVerify",
    "Percent",
    "Repeated",
    "ResponseActions",
    "StatusCodes",
    "Urls",
    "WorkerCount",
    "Workers",
]


def _url_of(text: str, span: Span, scope: Scope) -> UrlTemplate | None:
    try:
        return UrlTemplate(text)
    except (TemplateInPlace, TemplateError) as error:
        scope.diagnostics.error(
            str(error),
            span,
            "templates may stand in the path and in the query"
            if "template" in str(error)
            else "write http://host/path",
        )
        return None


@dataclass(frozen=True, slots=True)
class Urls:
    """One or more URLs; a string without templates may hold several, with spaces."""

    title: str = "one or more URLs"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[UrlTemplate, ...] | None:
        """Return the URLs."""
        urls = []
        for argument in values_of(arguments):
            text = text_of(argument)
            if text is None:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            for word in [text] if "$" in text else text.split():
                url = _url_of(word, argument.span, scope)
                if url is None:
                    return None
                urls.append(url)
        if not urls:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return tuple(urls)


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """Bounds of the number of workers; they are equal when it is fixed."""

    least: int
    most: int

    @property
    def is_auto(self) -> bool:
        """The number follows the load."""
        return self.least != self.most


@dataclass(frozen=True, slots=True)
class Workers:
    """A number of workers, or ``auto(1..16)``."""

    title: str = "a number of workers of at least 1, or auto(1..16)"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> WorkerCount | None:
        """Return the bounds."""
        values = values_of(arguments)
        if len(values) == 1 and isinstance(values[0], Call):
            return self._read_auto(values[0], scope)
        count = Integer(1, 1024, "a number of workers").read(arguments, span, scope)
        return None if count is None else WorkerCount(count, count)

    def _read_auto(self, call: Call, scope: Scope) -> WorkerCount | None:
        text = " ".join(text_of(item) or "" for item in values_of(call.arguments))
        bounds = [int(number) for number in re.findall(r"\d+", text)]
        if call.name == "auto" and len(bounds) == 2 and 0 < bounds[0] < bounds[1]:
            return WorkerCount(*bounds)
        scope.diagnostics.error(f"expected {self.title}", call.span)
        return None


@dataclass(frozen=True, slots=True)
class Percent:
    """A share; the value is a fraction."""

    title: str = "a share such as 50%"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> float | None:
        """Return the fraction."""
        text = "".join(text_of(item) or "?" for item in values_of(arguments))
        match = re.fullmatch(r"(\d+(?:\.\d+)?)%?", text)
        if match is None or float(match[1]) > 100:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return float(match[1]) / 100


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """A list of HTTP status codes."""

    title: str = "a list of status codes"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> frozenset[int] | None:
        """Return the codes."""
        codes = []
        for argument in values_of(arguments):
            code = Integer(minimum=100, maximum=599).read(
                (argument,), argument.span, scope
            )
            if code is None:
                return None
            codes.append(code)
        if not codes:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return frozenset(codes)


@dataclass(frozen=True, slots=True)
class ResponseActions:
    """``418 => drop``, ``501 => success`` …."""

    title: str = "pairs such as 418 => drop"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> dict[int, str] | None:
        """Return the actions by status code."""
        del span
        actions = {}
        for argument in values_of(arguments):
            code = text_of(argument.key) if isinstance(argument, Arrow) else None
            word = (
                text_of(argument.value)
                if isinstance(argument, Arrow) and not isinstance(argument.value, Call)
                else None
            )
            known = {"success", "drop", "retry", "disconnect"}
            if code is None or not code.isdigit() or word not in known:
                scope.diagnostics.error(
                    f"expected {self.title}",
                    argument.span,
                    "the actions are success, drop, retry and disconnect",
                )
                return None
            actions[int(code)] = word
        return actions


@dataclass(frozen=True, slots=True)
class PeerVerify:
    """Whether the certificate is checked, also in the words of ``network()``."""

    title: str = "yes or no"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> bool | None:
        """Return the truth value; a server always has a certificate."""
        word = Enum(
            ("yes", "no", "required-trusted", "optional-trusted", "untrusted"),
            (
                ("on", "yes"),
                ("off", "no"),
                ("1", "yes"),
                ("0", "no"),
                ("required-untrusted", "untrusted"),
                ("optional-untrusted", "untrusted"),
            ),
        ).read(arguments, span, scope)
        return None if word is None else word not in {"no", "untrusted"}


class Repeated:
    """A block that may occur several times; each occurrence adds one set of options."""

    def __init__(self, options: type[Options]) -> None:
        self.options = options

    @property
    def title(self) -> str:
        """The names that may stand inside."""
        return "options such as " + ", ".join(
            f"{name}()" for name in self.options.by_name()
        )

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[Options, ...] | None:
        """Return the one set of options."""
        return (self.options.read(arguments, scope, span),)
