"""Files and folders that are named and not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.lint.rule import Finding, Rule, destinations, option, sources
from logferry.config.schema import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Configuration

__all__ = ["RULES"]

_READ = {
    "ca_dir": "folder of CAs",
    "ca_file": "file of CAs",
    "cert_file": "certificate",
    "crl_dir": "folder of revocation lists",
    "dhparam_file": "file of parameters",
    "key_file": "key",
}
"""Options that name what is read at start, by attribute."""


def _missing_keys(configuration: Configuration) -> Iterator[Finding]:
    for specs in (sources(configuration), destinations(configuration)):
        for spec in specs.values():
            yield from _missing_in(spec.options)


def _missing_in(options: Options) -> Iterator[Finding]:
    for name, place in options.given.items():
        value = getattr(options, name)
        if isinstance(value, Options):
            yield from _missing_in(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Options):
            for item in value:
                yield from _missing_in(item)
        elif name in _READ and isinstance(value, str) and not _exists(value):
            yield Finding(
                f"the {_READ[name]} '{value}' does not exist",
                place,
                "correct the path, or put the file there before the start",
            )


def _missing_halves(configuration: Configuration) -> Iterator[Finding]:
    """TLS servers without a key, and keys without a certificate."""
    used = [(spec, True) for spec in sources(configuration).values()]
    used += [(spec, False) for spec in destinations(configuration).values()]
    for spec, is_server in used:
        tls = option(spec.options, "tls")
        if not isinstance(tls, Options):
            continue
        has_key, has_certificate = option(tls, "key_file"), option(tls, "cert_file")
        if is_server and not (has_key and has_certificate):
            yield Finding(
                "no client can connect: a TLS server needs a key and a certificate",
                spec.options.given.get("tls", spec.span),
                "add key-file(…) and cert-file(…)",
            )
        elif bool(has_key) != bool(has_certificate):
            there, gone = ("key", "cert") if has_key else ("cert", "key")
            yield Finding(
                f"{there}-file() is of no use without {gone}-file()",
                spec.options.given.get("tls", spec.span),
                f"add {gone}-file(…)",
            )


def _missing_folders(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        if spec.kind not in {"file", "pipe"} or option(spec.options, "create_dirs"):
            continue
        text = getattr(option(spec.options, "path"), "text", "")
        if not text.startswith("/"):
            continue
        folder = text.rpartition("/")[0]
        if "$" in folder:
            yield Finding(
                f"the folder of '{text}' depends on the message and is not created",
                spec.span,
                "add create-dirs(yes)",
            )
        elif folder and not _exists(folder):
            yield Finding(
                f"the folder '{folder}' does not exist",
                spec.span,
                "add create-dirs(yes), or create it before the start",
            )


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL in it
        return False


RULES = (
    Rule("missing-file", "Keys, certificates and lists not there.", _missing_keys),
    Rule("tls-key", "TLS without a key, or half of one.", _missing_halves),
    Rule("missing-folder", "Files in folders that nobody creates.", _missing_folders),
)
