"""Parsers: what takes text apart into name-value pairs; a failed one ends the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.codegen.fields import MessageFields
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options

__all__ = ["PARSERS", "emit_parser"]

PARSERS: dict[str, type[Options]] = {}
"""Parsers by name."""


def emit_parser(spec: Spec, fields: MessageFields, context: MacroContext) -> str:
    """Return a condition that parses and tells whether it could."""
    raise NotImplementedError(spec.kind, fields, context)
