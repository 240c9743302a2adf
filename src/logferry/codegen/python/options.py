"""Options of ``python()`` in every place: the class and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from logferry.codegen.python.code import PythonFailed, find_name, load_module
from logferry.codegen.python.template import LogTemplate
from logferry.config.kinds import TextKind, Words, text_of, values_of
from logferry.config.nodes import Argument, Arrow, Call, Listing, Number, Span, Word
from logferry.config.schema import Option, Options, Scope

__all__ = ["ClassOptions", "check_class"]

_YES, _NO = ("yes", "on", "true"), ("no", "off", "false")
_WORDS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


@dataclass(frozen=True, slots=True)
class PythonValues:
    """``options("key" => value …)`` or ``options("key", "value" …)``."""

    title: str = 'pairs such as "key" => "value"'

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[tuple[str, Any], ...] | None:
        """Return keys and values; numbers, yes or no, and lists keep their types."""
        flat: list[Argument] = []
        for argument in values_of(arguments):
            if isinstance(argument, Arrow):
                flat += [argument.key, argument.value]
            else:
                flat.append(argument)
        keys = [text_of(item) for item in flat[::2]]
        values = [_value(item) for item in flat[1::2]]
        if len(flat) % 2 or None in keys or None in values:
            hint = "a list holds strings: quote its numbers" * _has_number(flat)
            scope.diagnostics.error(f"expected {self.title}", span, hint)
            return None
        return tuple(zip(map(str, keys), values, strict=True))


def _value(argument: Argument) -> Any:
    if isinstance(argument, Call):
        text = text_of(argument.arguments[0]) if len(argument.arguments) == 1 else None
        is_template = argument.name == "logtemplate" and text is not None
        return LogTemplate(text or "") if is_template else None
    if isinstance(argument, Listing):
        is_text = not any(isinstance(item, Number) for item in argument.items)
        return [text_of(item) for item in argument.items] if is_text else None
    if isinstance(argument, Number):
        return argument.value
    if isinstance(argument, Word):
        return _WORDS.get(argument.text.lower(), argument.text)
    return text_of(argument)


def _has_number(arguments: Sequence[Argument]) -> bool:
    return any(
        isinstance(item, Number)
        for argument in arguments
        if isinstance(argument, Listing)
        for item in argument.items
    )


class ClassOptions(Options):
    """What ``python()`` has everywhere."""

    class_ = Option(
        TextKind("the name of a class"),
        "",
        doc="A class of a python block, or of a module that can be imported.",
        name="class",
        required=True,
    )
    options = Option(
        PythonValues(), (), doc="What the class's init() is given, as a dict."
    )
    loaders = Option(
        Words(), (), doc="Modules that are imported first.", obsolete=("imports",)
    )


def check_class(options: Options, name: str, scope: Scope) -> None:
    """
    Keep the code of the configuration beside its options, and find the class in it.

    The code is a value like the others: where it changed, the options did.
    """
    options._values["code"] = tuple(scope.code)
    if not name:
        return
    try:
        for module in getattr(options, "loaders", ()):
            load_module(module)
        find_name(scope.code, name)
    except PythonFailed as error:
        span = next(iter(options.given.values()), options.span)
        scope.diagnostics.error(str(error), span)
