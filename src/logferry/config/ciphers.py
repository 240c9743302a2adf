"""The kind of ``cipher-suite()``: a list, or one list for each generation of TLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logferry.config.kinds import text_of, values_of
from logferry.config.nodes import Argument, Call, Span
from logferry.config.schema import Scope

__all__ = ["CipherSuite"]


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """A cipher list, or ``tls12-and-older("…") tls13("…")``."""

    title: str = "a cipher list"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> str | None:
        """Return the ciphers of TLS 1.2 and older."""
        ciphers = ""
        for argument in values_of(arguments):
            if not isinstance(argument, Call):
                ciphers = text_of(argument) or ""
                continue
            words = [text_of(item) or "" for item in values_of(argument.arguments)]
            if argument.name == "tls12-and-older" and len(words) == 1:
                ciphers = words[0]
            elif argument.name == "tls13" and len(words) == 1:
                scope.diagnostics.warning(
                    "tls13() has no effect: Python's ssl module does not offer it",
                    argument.span,
                    rule="no-effect",
                )
            else:
                scope.diagnostics.error(f"expected {self.title}", span)
                return None
        return ciphers
