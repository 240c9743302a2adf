"""
Keeping secrets out of what we print: configuration texts, graphs, log lines.

Masked are the values of options whose names say what they hold (``password()``,
``token()`` …), credentials in URLs, and what follows the name of an authentication
header. Whether a text *is* the configuration (``config --verify``, ``--id``) is always
decided on the unmasked one.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["mask", "mask_in_place", "mask_urls"]

MASK: Final = "********"

_OPTION = re.compile(
    r"""\b((?:[\w-]*[-_])?(?:password|passphrase|secret|token|api[-_]key|apikey|
        access[-_]key|auth[-_]key|credentials?|hec[-_]token|webhook)\s*\(\s*)
        ("(?:[^"\\]|\\.)*"|'[^']*'|[^\s()"']+)""",
    re.IGNORECASE | re.VERBOSE,
)
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"':]+:[^\s/@\"']+@", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|[\w-]*(?:api[-_]?key|token|secret)|cookie)"
    r"(\s*:\s*)[^\"'\n]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Return ``text`` without the secrets in it."""
    text = _OPTION.sub(lambda found: f"{found[1]}{_like(found[2])}", text)
    return _HEADER.sub(rf"\1\2{MASK}", mask_urls(text))


def mask_urls(text: str) -> str:
    """Return ``text`` without credentials in URLs; for texts that are no options."""
    return _URL.sub(rf"\1{MASK}@", text) if "://" in text else text


def mask_in_place(text: str) -> str:
    """Return ``text`` without the secrets in it, every other character in its place."""
    text = _OPTION.sub(lambda found: found[1] + _stars(found[2], "\"'"), text)
    text = _URL.sub(
        lambda found: found[1] + _stars(found[0][len(found[1]) :], ":@"), text
    )
    return _HEADER.sub(
        lambda found: (
            found[1] + found[2] + _stars(found[0][found.end(2) - found.start() :], " ")
        ),
        text,
    )


def _stars(secret: str, kept: str) -> str:
    return "".join(char if char in kept or char == "\n" else "*" for char in secret)


def _like(value: str) -> str:
    """Return the mask in the quotes of ``value``."""
    quote = value[0] if value[0] in "\"'" else ""
    return f"{quote}{MASK}{quote}"
