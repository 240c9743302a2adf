"""
From a file to a resolved configuration: the one door of this package.

Everything wrong with a configuration is collected and raised at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.diagnostics import Diagnostics
from logferry.config.lexer import CURRENT_VERSION, Lexer
from logferry.config.nodes import NOWHERE, Configuration, Span
from logferry.config.parse import parse_statements
from logferry.config.resolve import Resolver
from logferry.config.sources import IncludePath, SourceText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.schema import Registry

__all__ = ["load_configuration"]


def load_configuration(
    path: Path,
    registry: Registry,
    environment: Mapping[str, str],
    text: str | None = None,
) -> tuple[Configuration, Diagnostics]:
    """
    Read the configuration at ``path``.

    Args:
        path: the main file.
        registry: what a configuration may name.
        environment: for backtick substitution.
        text: read this text instead, as if it stood in the file.

    Returns the configuration and its diagnostics, which then hold warnings only.
    Raises ``ConfigError`` with everything found if there is an error.
    """
    diagnostics = Diagnostics()
    if text is None:
        text = _read(path, diagnostics)
    includes = IncludePath(path, diagnostics)
    lexer = Lexer({}, environment, includes.include, diagnostics)
    tokens = lexer.tokens(SourceText(str(path), text))
    statements = parse_statements(tokens, diagnostics)
    version = lexer.pragmas.version
    if version is None:
        diagnostics.warning(
            "@version is missing",
            Span(str(path), 1, 1, 1, 1),
            f"write @version: {CURRENT_VERSION[0]}.{CURRENT_VERSION[1]} first",
        )
        version = CURRENT_VERSION
    resolver = Resolver(registry, diagnostics, version)
    configuration = resolver.resolve(statements)
    diagnostics.raise_errors()
    files = (str(path), *includes.files)
    return configuration.with_text("".join(lexer.expanded), text, files), diagnostics


def _read(path: Path, diagnostics: Diagnostics) -> str:
    try:
        # Bytes that are not UTF-8 come back as they were when they are written.
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        place = NOWHERE._replace(file=str(path))
        diagnostics.error(f"cannot read the configuration: {error.strerror}", place)
        diagnostics.raise_errors()
        raise
