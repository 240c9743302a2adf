"""
``logferry options``: what a driver's options are.

``logferry options`` lists the contexts, ``logferry options destination`` its drivers,
``logferry options destination http`` the driver's options.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from logferry.config.describe import (
    CONTEXTS,
    context_of,
    describe_all,
    describe_options,
    text_mate_grammar,
)
from logferry.config.diagnostics import did_you_mean
from logferry.daemon.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["arguments", "main"]

EXIT_GOOD, EXIT_USAGE = 0, 2
_WIDTH = 88


def arguments() -> argparse.ArgumentParser:
    """Return the parser of ``logferry options``."""
    parser = argparse.ArgumentParser("logferry options", description=main.__doc__)
    add = parser.add_argument
    add("context", nargs="?", metavar="CONTEXT", help=", ".join(CONTEXTS))
    add("driver", nargs="?", metavar="DRIVER", help="such as network")
    add("--json", action="store_true", help="everything, as JSON")
    add("--grammar", action="store_true", help="a TextMate grammar, for editors")
    return parser


def main(words: list[str]) -> int:
    """Show the options of a driver, from the tables that read them."""
    given = arguments().parse_args(words)
    registry = default_registry()
    if given.grammar:
        print(json.dumps(text_mate_grammar(registry), indent=2))
        return EXIT_GOOD
    if given.context is None:
        listing = describe_all(registry)
        print(json.dumps(listing, indent=2) if given.json else "\n".join(CONTEXTS))
        return EXIT_GOOD
    if given.context not in CONTEXTS:
        return _unknown("context", given.context, CONTEXTS)
    known = context_of(registry, given.context)
    name = (given.driver or "").replace("_", "-")
    if given.context == "options":
        name = "options"
    if not name:
        print("\n".join(sorted(known)))
        return EXIT_GOOD
    if name not in known:
        return _unknown(given.context, name, known)
    described = describe_options(known[name])
    print(json.dumps(described, indent=2) if given.json else _page(name, described))
    return EXIT_GOOD


def _unknown(what: str, name: str, known: Any) -> int:
    hint = did_you_mean(name, known) or "known are " + ", ".join(sorted(known))
    sys.stderr.write(f"unknown {what} '{name}': {hint}\n")
    return EXIT_USAGE


def _page(name: str, described: dict[str, Any]) -> str:
    return "\n".join([f"{name}(", *_lines(described, 1), ")"])


def _lines(described: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for name, option in described.items():
        inside = option.get("options")
        form = f"{name}( … )" if inside else f"{name}({_form(option)})"
        yield f"{indent}{form}"
        for line in textwrap.wrap(_remark(option), _WIDTH - len(indent) - 6):
            yield f"{indent}      {line}"
        if inside:
            yield from _lines(inside, depth + 1)


def _form(option: dict[str, Any]) -> str:
    unit = f", in {option['unit']}" if "unit" in option else ""
    return f"{option['type']}{unit}"


def _remark(option: dict[str, Any]) -> str:
    parts = [option["doc"]]
    if option.get("required"):
        parts.append("Required.")
    elif option["default"] not in (None, "", [], False) and "options" not in option:
        parts.append(f"Default: {_shown(option['default'])}.")
    if option.get("positional"):
        parts.append("Stands without its name.")
    for key, word in (("aliases", "Also"), ("obsolete", "Once")):
        if key in option:
            parts.append(f"{word} {', '.join(f'{name}()' for name in option[key])}.")
    if "no-effect" in option:
        parts.append(f"No effect: {option['no-effect']}.")
    return " ".join(parts)


def _shown(value: object) -> str:
    if value is True:
        return "yes"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
