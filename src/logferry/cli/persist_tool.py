"""
The drop-in ``persist-tool``: look into a persist file, make one, put entries in.

The lines are the original's (``key = { "value": "AA BB " }``, bytes in hexadecimal);
the file behind them is ours (``daemon/state.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sqlite3
import sys
from pathlib import Path

from logferry.daemon.state import SqliteState
from logferry.telemetry.events import NullLog

__all__ = ["main"]

_NAME = "syslog-ng.persist"
_ENTRY = re.compile(r'\s*(\S.*?)\s*=\s*\{\s*"value":\s*"([0-9A-Fa-f\s]*)"\s*\}\s*')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("persist-tool")
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser("dump", help="print the entries of a persist file")
    dump.add_argument("file", type=Path)
    make = commands.add_parser("generate", help="make an empty persist file")
    make.add_argument("-f", "--force", action="store_true", help="replace an old one")
    make.add_argument("-o", "--output-dir", type=Path, default=Path())
    add = commands.add_parser("add", help="add or change entries of a persist file")
    add.add_argument("-o", "--output-dir", type=Path, default=Path())
    add.add_argument("-p", "--persist-name", default=_NAME)
    add.add_argument("input", help="a file with entries; - is standard input")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        _parser().print_usage(sys.stderr)
        return 1
    options = _parser().parse_args(words)
    try:
        if options.command == "dump":
            return _dump(options.file)
        if options.command == "generate":
            return _generate(options.output_dir / _NAME, is_forced=options.force)
        return _add(options.output_dir / options.persist_name, options.input)
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"persist-tool: {error}\n")
        return 1


def _dump(path: Path) -> int:
    if not path.exists():
        sys.stderr.write(f"Persist file doesn't exist; file = {path}\n")
        return 1
    # Read only: a running daemon must not notice.
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT key, value FROM entries ORDER BY key")
        for key, value in rows:
            print(f'{key} = {{ "value": "{_hex(bytes(value))}" }}\n')
    finally:
        connection.close()
    return 0


def _hex(value: bytes) -> str:
    return "".join(f"{byte:02X} " for byte in value)


def _generate(path: Path, *, is_forced: bool) -> int:
    if path.exists() and not is_forced:
        sys.stderr.write(f"Persist file exists; filename = {path}\n")
        return 1
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    asyncio.run(_put(path, {}))
    print(f"New persist file generated: {path}")
    return 0


async def _put(path: Path, entries: dict[str, bytes]) -> None:
    state = SqliteState(path, NullLog())
    for key, value in entries.items():
        state.put(key, value)
    await state.close()


def _add(path: Path, source: str) -> int:
    text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    entries: dict[str, bytes] = {}
    is_good = True
    for line in filter(str.strip, text.splitlines()):
        found = _ENTRY.fullmatch(line)
        digits = "".join(found[2].split()) if found is not None else "?"
        if found is None or len(digits) % 2:
            is_good = False
            sys.stderr.write(f"{line}\t-->>FAILED (error: Invalid value string)\n")
        else:
            entries[found[1]] = bytes.fromhex(digits)
            print(f"{found[1]}\t-->>OK")
    asyncio.run(_put(path, entries))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
