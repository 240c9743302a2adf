"""What a template function is: how it is called, and with how many arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["ANY", "Emitter", "Plain", "Special", "take_options"]

ANY = 1 << 16
"""As many arguments as there are."""

Emitter: TypeAlias = Callable[[Function, "Fields", "MacroContext"], str]
"""Writes the call of a function as source. Raises ``TemplateError``."""


@dataclass(frozen=True, slots=True)
class Plain:
    """
    A function from texts to a text.

    Attributes:
        call: the function itself.
        least: how many arguments it needs; ``most``: how many it takes.
        kind: the type of its value; ``number`` is an ``int`` or a ``double`` by its
            text, empty is a string.

    """

    call: Callable[..., bytes]
    least: int = 0
    most: int = ANY
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Special:
    """
    A function that reads its arguments itself, while the program is written.

    ``kind`` is the type of its value; ``kind="pair"`` says that ``emit_pair`` writes
    an expression for value and type.
    """

    emit: Emitter
    kind: str = ""
    emit_pair: Emitter | None = None


def take_options(
    function: Function, flags: dict[str, str], valued: dict[str, str]
) -> tuple[dict[str, str], Function]:
    """
    Take the leading options off a function's arguments.

    Args:
        function: the function as written.
        flags: options without a value, each with the name of what it sets.
        valued: options with a value, likewise.

    Returns what was set by name, and the function without its options. Raises
    ``TemplateError`` for an option without its value.
    """
    found: dict[str, str] = {}
    index = 0
    while index < len(function.raw):
        word, equals, attached = function.raw[index].partition("=")
        if word in flags:
            found[flags[word]] = word
            index += 1
            continue
        if word not in valued:
            break
        if equals:
            found[valued[word]] = attached
            index += 1
            continue
        if index + 1 >= len(function.raw):
            raise TemplateError(f"$({function.name}): {word} needs a value")
        found[valued[word]] = function.raw[index + 1]
        index += 2
    return found, Function(
        function.name, function.arguments[index:], function.raw[index:], function.back
    )
