"""
Compares our options with those that AxoSyslog's grammar knows; writes docs/compat.md.

The other side is ``axosyslog-cfg-helper`` (GPL; from PyPI, installed into a folder of
its own for the comparison, never imported by or shipped with us). It prints every
option of a driver with the types it takes. For each we write a small configuration
that uses the option in each of its forms and read it: *same* means that all forms are
read without an error, *without effect* that a warning says why nothing follows from
it, *differs* that some form is refused, *absent* that the name is unknown.

    python tools/compat.py [--oracle PROGRAM] [--check]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "compat.md"
TABLE = Path(__file__).with_name("compat.toml")
ORACLE = "axosyslog-cfg-helper"
BEGIN = "<!-- options: written by `make compat` -->"
END = "<!-- end of options -->"

DRIVERS = {
    "destination": [
        *("network", "syslog", "tcp", "tcp6", "udp", "udp6", "http"),
        *("file", "pipe", "program", "unix-stream", "unix-dgram"),
    ],
    "source": [
        *("network", "syslog", "tcp", "tcp6", "udp", "udp6"),
        *("unix-stream", "unix-dgram", "file", "wildcard-file", "stdin", "pipe"),
        *("program", "default-network-drivers", "example-msg-generator"),
    ],
}
SAME, SILENT, DIFFERS, ABSENT = "same", "without effect", "differs", "absent"


@dataclass
class Known:
    """An option as the oracle prints it: the forms of its value, options inside."""

    forms: list[str] = field(default_factory=list)
    inside: dict[str, Known] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What became of one option."""

    place: str
    path: str
    verdict: str
    reason: str = ""


def parse_listing(text: str) -> Known:
    """Return what the oracle prints about one driver."""
    root = Known()
    stack = [root]
    for line in text.splitlines():
        word = line.strip()
        one_line = re.fullmatch(r"([\w-]+)\((.+)\)", word)
        opening = re.fullmatch(r"([\w-]+)\(", word)
        if opening:
            inner = Known()
            stack[-1].inside[opening[1]] = inner
            stack.append(inner)
        elif word == ")":
            stack.pop()
        elif one_line and not word.startswith("<"):
            stack[-1].inside[one_line[1]] = Known([one_line[2]])
        elif word:
            stack[-1].forms.append(word)
    return next(iter(root.inside.values()), root)


class Samples:
    """Values for the types the oracle names, and for options that take few values."""

    def __init__(self, table: dict[str, dict[str, str]]) -> None:
        self._types = table["types"]
        self._values = table["values"]
        self.reasons = table["reasons"]
        self.heads = table["heads"]
        self.beside = table["beside"]

    def value(self, place: str, path: str, form: str) -> str:
        """Return what to write into the parentheses of an option."""
        name = path.rpartition("/")[2]
        context = place.partition(" ")[0]
        for key in (f"{place}/{path}", f"{context}/{path}", path, name):
            is_open = form != "<empty>" or "default-" in place
            if key in self._values and "<" in form and is_open:
                return self._values[key]
        form = form.replace("KW_SYSLOG", "syslog")  # a token's name, not its text
        return re.sub(r"<[\w-]+>", lambda found: self._types[found[0]], form)

    def reason(self, place: str, path: str) -> str:
        """Return why an option is not the same."""
        for key in (f"{place}/{path}", path, path.rpartition("/")[2]):
            if key in self.reasons:
                return self.reasons[key]
        parent = path.rpartition("/")[0]
        return self.reason(place, parent) if parent else ""


def flatten(known: Known, prefix: str = "") -> Iterator[tuple[str, Known]]:
    """Yield the options in ``known`` by their paths."""
    for name, inner in sorted(known.inside.items()):
        path = f"{prefix}{name}"
        yield path, inner
        yield from flatten(inner, f"{path}/")


def forms_of(known: Known) -> list[str]:
    """Return the forms to try; an option of options is tried with its options."""
    return known.forms or ([] if known.inside else ["<empty>"])


class Trial:
    """Reads configurations with one option in them."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._registry = default_registry()

    def verdict(self, place: str, path: str, known: Known) -> tuple[str, str]:
        """Return what became of the option at ``path`` of ``place``, and why."""
        verdict, why = SAME, ""
        for form in forms_of(known):
            value = self._samples.value(place, path, form)
            errors, warnings = self.read(place, path, value)
            name = path.rpartition("/")[2]
            if any("unknown option" in item for item in errors):
                return ABSENT, ""
            if errors:
                return DIFFERS, f"`{name}({value})`: {errors[0]}"
            silent = [item for item in warnings if f"{name}() has no effect" in item]
            if silent:
                verdict, why = SILENT, silent[0].partition(": ")[2]
        return verdict, why

    def read(self, place: str, path: str, value: str) -> tuple[list[str], list[str]]:
        """Return the errors and warnings about an option with ``value``."""
        text = value
        for name in reversed(path.split("/")):
            beside = self._samples.beside.get(name, "") if text != value else ""
            text = f"{name}({beside} {text})"
        if place == "options":
            body = f"options {{ {text}; }};"
        else:
            context, driver = place.split()
            head = self._samples.heads.get(place, self._samples.heads.get(driver, ""))
            body = f"{context} x {{ {driver}({head} {text}); }};"
        library = '@include "scl.conf"' if "default-" in place else ""
        config = f"@version: 4.27\n{library}\n{body}\n"
        try:
            _, found = load_configuration(Path("x.conf"), self._registry, {}, config)
        except ConfigError as error:
            items = [item for item in error.diagnostics if hasattr(item, "severity")]
        else:
            items = list(found.items)
        errors = [item.message for item in items if item.severity == "error"]
        return errors, [item.message for item in items if item.severity != "error"]


def compare(oracle: Path, samples: Samples) -> list[Row]:
    """Return a row for each option of each driver."""
    trial = Trial(samples)
    places = [
        (f"{context} {driver}", ("-c", context, "-d", driver))
        for context, drivers in DRIVERS.items()
        for driver in drivers
    ]
    places.append(("options", ("-c", "options", "-d", "global-options")))
    rows = []
    for place, arguments in places:
        listing = subprocess.run(
            [oracle, "-n", *arguments], capture_output=True, text=True, check=True
        ).stdout
        if place == "options":
            listing = "options(\n" + listing.removeprefix("<plugin>\n") + "\n)"
        for path, known in flatten(parse_listing(listing)):
            verdict, why = trial.verdict(place, path, known)
            reason = samples.reason(place, path)
            rows.append(Row(place, path, verdict, reason or why))
    return rows


def render(rows: list[Row], version: str) -> str:
    """Return the part of the page that is written here."""
    lines = [
        BEGIN,
        "",
        "## Options",
        "",
        f"Compared with AxoSyslog's grammar as {ORACLE} {version} knows it, option by",
        "option in each of its forms, by `make compat`. *Without effect* options are",
        "read alike and warn with the reason; *same* does what the reference does.",
        "",
        "| driver | options | same | without effect | differs | absent |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    places = list(dict.fromkeys(row.place for row in rows))
    for place in [*places, "all"]:
        chosen = [row for row in rows if place in {"all", row.place}]
        counts = Counter(row.verdict for row in chosen)
        cells = [counts[item] for item in (SAME, SILENT, DIFFERS, ABSENT)]
        numbers = " | ".join(str(cell) for cell in [len(chosen), *cells])
        lines.append(f"| {place} | {numbers} |")
    alike = sum(row.verdict in {SAME, SILENT} for row in rows)
    lines += [
        "",
        f"Read alike: {alike} of {len(rows)}, {100 * alike / len(rows):.1f} %.",
        "",
    ]
    for verdict in (SILENT, DIFFERS, ABSENT):
        lines += _reasons(verdict, rows)
    return "\n".join([*lines, END, ""])


def _reasons(verdict: str, rows: list[Row]) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.verdict == verdict:
            key = (row.path.replace("/", " → "), row.reason)
            groups.setdefault(key, []).append(row.place)
    if not groups:
        return []
    lines = [
        f"### {verdict.capitalize()}",
        "",
        "| option | of | why |",
        "|---|---|---|",
    ]
    for (path, reason), places in sorted(groups.items()):
        shown = ", ".join(places)
        escaped = reason.replace("|", "\\|") or "no reason is written down"
        lines.append(f"| `{path}` | {shown} | {escaped} |")
    return [*lines, ""]


def install(folder: Path) -> tuple[Path, str]:
    """Install the oracle into ``folder``; return its program and its version."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", ORACLE]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return folder / "bin" / ORACLE, ""


def version_of(oracle: Path) -> str:
    """Return the version of the oracle."""
    said = subprocess.run(
        [oracle, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"\d+(?:\.\d+)+", said)
    return found[0] if found else ""


def main() -> int:
    """Compare, and write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--oracle", type=Path, help=f"an installed {ORACLE}")
    parser.add_argument("--check", action="store_true", help="fail below 97 %%")
    given = parser.parse_args()
    samples = Samples(tomllib.loads(TABLE.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        oracle = given.oracle or install(Path(folder))[0]
        rows = compare(oracle, samples)
        version = version_of(oracle)
    page = PAGE.read_text()
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + page[page.index(END) + len(END) + 1 :]
    PAGE.write_text(page.rstrip() + "\n\n" + render(rows, version))
    alike = sum(row.verdict in {SAME, SILENT} for row in rows)
    unexplained = [row for row in rows if row.verdict != SAME and not row.reason]
    print(f"{alike} of {len(rows)} options are read alike")
    for row in unexplained:
        print(f"no reason for {row.place} {row.path}: {row.verdict}")
    is_good = alike >= 0.97 * len(rows) and not unexplained
    return 0 if is_good or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
