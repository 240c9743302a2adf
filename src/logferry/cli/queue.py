"""
``logferry queue``: look into disk-buffer files, of a running daemon or a stopped one.

::

    logferry queue list [--dir DIR]…      files, their owners and what waits in them
    logferry queue show FILE              one file and its first records
    logferry queue export FILE            its records, as lines or JSON
    logferry queue verify FILE            read everything, check every checksum
    logferry queue adopt FILE DESTINATION let a running destination deliver it
    logferry queue purge FILE             delete it with all that waits in it

Exit status: 0 good, 1 a damaged or unusable file, 2 wrong use.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.cli.ctl import ask
from logferry.cli.state_dir import default_control, default_state_dir
from logferry.errors import CorruptRecord
from logferry.queues.files import find_queue_files, owner_of, remove_queue_file
from logferry.queues.reading import QueueReader
from logferry.queues.salvage import Salvage

if TYPE_CHECKING:
    from logferry.queues.rows import Row

__all__ = ["is_in_use", "main"]

_DIR_LOCK = "logferry-disk-buffer.dirlock"
_SHOWN = 10


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "logferry queue", description="Look into disk-buffer files."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="show files and their owners")
    listing.add_argument("--state-dir", type=Path, help="of the daemon")
    listing.add_argument("--dir", type=Path, action="append", default=[])
    listing.add_argument("--json", action="store_true")
    for name, text in {
        "show": "show a file and its first records",
        "export": "print the records of a file",
        "verify": "read and check everything in a file",
        "purge": "delete a file with all that waits in it",
        "adopt": "let a running destination deliver what is in a file",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("file", type=Path)
        if name == "show":
            command.add_argument("--count", type=int, default=_SHOWN)
        elif name == "export":
            command.add_argument("--format", choices=["lines", "json"], default="lines")
        elif name == "purge":
            command.add_argument("--yes", action="store_true", help="do not ask")
        elif name == "adopt":
            command.add_argument("destination")
            command.add_argument("--control", default="")
    return parser


def main(arguments: list[str]) -> int:
    """Look into disk-buffer files."""
    options = _parser().parse_args(arguments)
    if options.command == "list":
        return _list(options)
    try:
        if options.command == "adopt":
            return _adopt(options)
        if options.command == "purge":
            return _purge(options.file, is_sure=options.yes)
        reader = QueueReader(options.file)
    except (CorruptRecord, OSError) as error:
        sys.stderr.write(f"logferry: {options.file}: {error}\n")
        if options.command == "export" and options.file.exists():
            return _export_remains(options.file, is_json=options.format == "json")
        return 1
    try:
        if options.command == "show":
            return _show(reader, options.count)
        if options.command == "export":
            return _export(reader, is_json=options.format == "json")
        return _verify(reader)
    finally:
        reader.close()


def _list(options: argparse.Namespace) -> int:
    folders = options.dir or [options.state_dir or default_state_dir()]
    found = []
    for path in (path for folder in folders for path in find_queue_files(folder)):
        known = owner_of(path)
        found.append(
            {
                "file": str(path),
                "owner": known[0] if known else None,
                "messages": known[1].count if known else None,
                "bytes": known[1].size_bytes if known else None,
                "file_bytes": path.stat().st_size,
                "state": "not a queue file"
                if known is None
                else ("in use" if is_in_use(path) else "not in use"),
            }
        )
    if options.json:
        print(json.dumps(found))
        return 0
    for item in found:
        print(
            f"{item['file']}  {item['state']}, {item['messages']} messages,"
            f" {item['bytes']} bytes, of {item['owner']}"
        )
    return 0


def is_in_use(path: Path) -> bool:
    """
    Tell whether a running daemon has ``path`` open.

    It does when its folder is locked and the file has a write-ahead log: one that
    nobody has open is folded into the file when it is closed.
    """
    try:
        with (path.parent / _DIR_LOCK).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return path.with_name(path.name + "-wal").exists()
    except OSError:
        return False
    return False


def _show(reader: QueueReader, count: int) -> int:
    totals = reader.totals
    print(f"file: {reader.path}")
    print(f"owner: {reader.owner}")
    print(f"messages: {totals.count if totals else 'unknown'}")
    print(f"bytes: {totals.size_bytes if totals else 'unknown'}")
    for index, (number, key, record) in enumerate(reader.records()):
        if index == count:
            break
        shown = f" [{_text(key)}]" if key else ""
        print(f"{number}{shown}: {_text(record)}")
    return 0


def _export(reader: QueueReader, *, is_json: bool) -> int:
    is_damaged = False
    for row in reader.rows():
        if isinstance(row, CorruptRecord):
            is_damaged = True
            sys.stderr.write(f"logferry: {reader.path}: {row}\n")
        else:
            _print_row(row, is_json=is_json)
    return int(is_damaged)


def _export_remains(path: Path, *, is_json: bool) -> int:
    """Print what is left in a file that was set aside, say."""
    salvage = Salvage(path)
    try:
        salvage.look()
        count = 0
        for row in salvage.rows():
            count += row.count
            _print_row(row, is_json=is_json)
    finally:
        salvage.close()
    sys.stderr.write(f"logferry: {path}: {count} messages could be read\n")
    return 1


def _print_row(row: Row, *, is_json: bool) -> None:
    for offset, batch in row.parts():
        if is_json:
            for index, record in enumerate(batch.records()):
                item = {"number": row.first + offset + index, "record": _text(record)}
                if row.key:
                    item["key"] = _text(row.key)
                print(json.dumps(item))
        else:
            sys.stdout.flush()
            for record in batch.records():
                sys.stdout.buffer.write(record.rstrip(b"\n") + b"\n")


def _verify(reader: QueueReader) -> int:
    verdict = reader.verify()
    for line in verdict.damaged:
        print(f"damaged: {line}")
    expected = "unknown" if verdict.expected is None else verdict.expected.count
    print(f"{verdict.count} of {expected} messages in {verdict.rows} rows are whole")
    return 0 if verdict.is_good else 1


def _purge(path: Path, *, is_sure: bool) -> int:
    found = owner_of(path)
    if found is None and path.exists():
        raise CorruptRecord("this is no queue file of logferry; delete it yourself")
    if is_in_use(path):
        raise CorruptRecord("a running daemon uses it; stop that first")
    if found is None:
        raise FileNotFoundError("there is no such file")
    if not is_sure:
        question = f"Delete {path} with {found[1].count} messages of {found[0]}? [y/N] "
        if input(question).strip().lower() not in {"y", "yes"}:
            return 1
    remove_queue_file(path)
    print(f"{found[1].count} messages deleted")
    return 0


def _adopt(options: argparse.Namespace) -> int:
    control = options.control or default_control(default_state_dir())
    path = options.file.absolute()
    try:
        answer = ask(control, ["QUEUE", "ADOPT", str(path), options.destination])
    except OSError as error:
        raise OSError(f"no daemon answers on {control}: {error.strerror}") from None
    kind, _, text = answer.partition(" ")
    (sys.stdout if kind == "OK" else sys.stderr).write(text)
    return 0 if kind == "OK" else 1


def _text(data: bytes) -> str:
    return data.rstrip(b"\n").decode("utf-8", "backslashreplace")
