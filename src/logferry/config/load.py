"""
From a file to a resolved configuration: the one door of this package.

Everything wrong with a configuration is collected and raised at once.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.blocks import text_of_words
from logferry.config.diagnostics import Diagnostics
from logferry.config.lexer import ConfigurationEnds
from logferry.config.nodes import NOWHERE, Configuration, Span
from logferry.config.parse import Parser
from logferry.config.pragmas import CURRENT_VERSION
from logferry.config.preprocess import Environment, Preprocessor
from logferry.config.resolve import Resolver
from logferry.config.sources import IncludePath, SourceText, read_source
from logferry.config.versions import DUPLICATES_ARE_ERRORS

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
    # Nodes live as long as the configuration: looking for garbage among them while
    # they are made takes more than half of the time (0.6 of 1.4 s for 20,000 lines).
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _load(path, registry, environment, text)
    finally:
        if was_enabled:
            gc.enable()


def _load(
    path: Path, registry: Registry, environment: Mapping[str, str], text: str | None
) -> tuple[Configuration, Diagnostics]:
    diagnostics = Diagnostics()
    if text is None:
        text = _read(path, diagnostics)
    includes = IncludePath(path, diagnostics)
    source = SourceText(str(path), text, files=(str(path),))
    around = Environment(environment, registry.generate)
    try:
        tokens = Preprocessor(source, includes, around, diagnostics)
        parser = Parser(tokens, diagnostics)
        statements = parser.statements()
    except ConfigurationEnds:
        diagnostics.raise_errors()
        raise
    version = _version(tokens, path, diagnostics)
    resolver = Resolver(registry, diagnostics, version)
    resolver.doubtful = parser.doubtful | tokens.doubtful
    for kind, name in tokens.blocks:
        resolver.block_names.setdefault(kind, []).append(name)
    resolver.block_names.setdefault("parser", []).append("app-parser")
    resolver.has_library = includes.has_library
    resolver.allows_duplicates = (
        tokens.defined("allow-config-dups") == "1" or version < DUPLICATES_ARE_ERRORS
    )
    try:
        configuration = resolver.resolve(statements)
    except RecursionError:
        place = Span(str(path), 1, 1, 1, 1)
        diagnostics.error("brackets and references nest too deep", place)
        diagnostics.raise_errors()
        raise
    diagnostics.raise_errors()
    disabled = frozenset(tokens.defined("disabled-rules").replace(",", " ").split())
    diagnostics.leave_out(disabled)
    configuration = replace(
        configuration, unused_blocks=tokens.unused_blocks(), disabled_rules=disabled
    )
    expanded = text_of_words(f"@version: {version[0]}.{version[1]}", tokens.passed)
    files = (str(path), *includes.files)
    return configuration.with_text(expanded, text, files), diagnostics


def _version(
    tokens: Preprocessor, path: Path, diagnostics: Diagnostics
) -> tuple[int, int]:
    version = tokens.version
    if version is None:
        diagnostics.warning(
            "@version is missing",
            Span(str(path), 1, 1, 1, 1),
            f"write @version: {CURRENT_VERSION[0]}.{CURRENT_VERSION[1]} first",
            rule="version",
        )
        return CURRENT_VERSION
    return version


def _read(path: Path, diagnostics: Diagnostics) -> str:
    try:
        return read_source(path)
    except OSError as error:
        place = NOWHERE._replace(file=str(path))
        diagnostics.error(f"cannot read the configuration: {error.strerror}", place)
        diagnostics.raise_errors()
        raise
