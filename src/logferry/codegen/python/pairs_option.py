"""``value-pairs( … )``: the block, as arguments of ``$(format-json …)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logferry.codegen.template_text import Function, TemplateError
from logferry.codegen.value_pairs import pairs_of
from logferry.config.kinds import text_of, values_of
from logferry.config.nodes import Argument, Arrow, Call, Span
from logferry.config.schema import Scope

__all__ = ["ValuePairsKind"]

_STEPS = frozenset({"shift", "shift-levels", "add-prefix", "replace-prefix"})


@dataclass(frozen=True, slots=True)
class ValuePairsKind:
    """What ``value-pairs()`` selects, as words of a command line."""

    title: str = "scope(), key(), exclude(), rekey() and pair()"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[str, ...] | None:
        """Return the words."""
        words: list[str] = []
        for argument in values_of(arguments):
            found = self._words(argument)
            if found is None:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            words += found
        try:
            pairs_of(Function("value-pairs", (), tuple(words)))
        except TemplateError as error:
            scope.diagnostics.error(str(error), span)
            return None
        return tuple(words)

    def _words(self, argument: Argument) -> list[str] | None:
        if isinstance(argument, Arrow):
            return _pair([argument.key, argument.value])
        if not isinstance(argument, Call):
            text = text_of(argument)
            return None if text is None else _pair_of_text(text)
        values = values_of(argument.arguments)
        match argument.name:
            case "scope" | "key" | "exclude":
                return _option(argument.name, values)
            case "pair":
                return _pair(values)
            case "rekey":
                return _rekey(values)
            case "omit-empty-values":
                return ["--omit-empty-values"]
            case "include-bytes" | "auto-cast" | "cast":
                return []
            case _:
                return None


def _option(name: str, values: list[Argument]) -> list[str] | None:
    words: list[str] = []
    for value in values:
        if isinstance(value, Call) and value.name == "rekey":
            steps = _steps(value)
            if steps is None or len(words) < 2:
                return None
            words += ["--rekey", words[1], *steps]
            continue
        text = text_of(value)
        if text is None:
            return None
        words += [f"--{name}", text]
    return words


def _rekey(values: list[Argument]) -> list[str] | None:
    pattern = text_of(values[0]) if values else None
    if pattern is None:
        return None
    words = ["--rekey", pattern]
    for value in values[1:]:
        if not isinstance(value, Call) or value.name not in _STEPS:
            return None
        words += _step(value)
    return words


def _steps(rekey: Call) -> list[str] | None:
    words: list[str] = []
    for value in values_of(rekey.arguments):
        if not isinstance(value, Call) or value.name not in _STEPS:
            return None
        words += _step(value)
    return words


def _step(step: Call) -> list[str]:
    texts = [text_of(item) or "" for item in values_of(step.arguments)]
    return [f"--{step.name}", "=".join(texts)]


def _pair(values: list[Argument]) -> list[str] | None:
    if len(values) == 1:
        text = text_of(values[0])
        return None if text is None else _pair_of_text(text)
    if len(values) != 2:
        return None
    key, value = text_of(values[0]), values[1]
    if isinstance(value, Call):  # a type hint
        inner = [text_of(item) or "" for item in values_of(value.arguments)]
        return ["--pair", f"{key}={value.name}({' '.join(inner)})"]
    text = text_of(value)
    return None if key is None or text is None else ["--pair", f"{key}={text}"]


def _pair_of_text(text: str) -> list[str] | None:
    return ["--pair", text] if "=" in text else None
