"""
The drop-in ``dqtool``, in the original's call form.

::

    dqtool info FILE…                                 how many messages wait
    dqtool cat FILE…                                  the messages
    dqtool relocate -n FOLDER -p PERSIST (-a | FILE…) move queues to another folder
    dqtool assign -p PERSIST -n NAME FILE             give a file to a destination
    dqtool truncate -f FILE…                          give free room back to the disk

``info`` and ``cat`` may be used while the daemon runs. The others change files; they
refuse what a running daemon has open (``queue_changes.py``).

Records are stored as they go on the wire, so ``cat`` prints them as they are: the
template of ``-t`` was applied when they came in.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from logferry import __version__
from logferry.cli.queue_changes import Refused, assign, relocate, truncate
from logferry.errors import CorruptRecord, LogferryError
from logferry.queues.reading import QueueReader

__all__ = ["main"]

_ORIGINAL = (b"SLRQ", b"SLQF")
_GIB = 1 << 30
_EXAMPLE = """\
example: dqtool assign -p var/syslog-ng.persist
             -n "afsocket_dd_qfile(stream,localhost:514)" queues/syslog-ng-00000.rqf

The file gets a new owner, and the persist file says that it is the queue of that
destination. The name is the destination's persist-name(), or the one that is made of
its address; "persist-tool dump" shows those that are there.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dqtool")
    parser.add_argument("-V", "--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "cat": "print the records of queue files",
        "info": "print how many messages wait in queue files",
        "relocate": "move queue files to another folder",
        "assign": "let a destination have a queue file",
        "truncate": "give the free room in queue files back",
    }.items():
        command = commands.add_parser(name, help=text)
        several = "+" if name in {"cat", "info"} else "*"
        command.add_argument("files", type=Path, nargs=several, metavar="FILE")
        command.add_argument("-d", "--debug", action="store_true")
        command.add_argument("-v", "--verbose", action="store_true")
        if name == "cat":
            command.add_argument("-t", "--template", help="no effect: see the manual")
        elif name == "relocate":
            command.add_argument("-n", "--new_path", type=Path, required=True)
            command.add_argument("-a", "--all", action="store_true")
        elif name == "assign":
            command.add_argument("-n", "--persist_name", default="")
            command.add_argument("-e", "--example", action="store_true")
        elif name == "truncate":
            command.add_argument("-f", "--force", action="store_true")
        if name in {"relocate", "assign"}:
            command.add_argument("-p", "--persist", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(words)
    try:
        match options.command:
            case "relocate":
                return _relocate(options)
            case "assign":
                return _assign(options)
            case "truncate":
                return _truncate(options.files, is_sure=options.force)
            case _:
                return _read(options)
    except (Refused, LogferryError, OSError) as error:
        sys.stderr.write(f"dqtool: {error}\n")
        return 1


def _read(options: argparse.Namespace) -> int:
    if getattr(options, "template", None):
        sys.stderr.write(
            "dqtool: records are printed as they were stored, without -t\n"
        )
    status = 0
    for path in options.files:
        try:
            _check_kind(path)
            reader = QueueReader(path)
        except (Refused, CorruptRecord) as error:
            sys.stderr.write(f"Error loading disk buffer file; {path}: {error}\n")
            status = 1
            continue
        if options.command == "cat":
            for _, _, record in reader.records():
                sys.stdout.buffer.write(record.rstrip(b"\n") + b"\n")
        else:
            _print_info(reader)
        reader.close()
    return status


def _check_kind(path: Path) -> None:
    """Refuse the files of the original."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    if beginning in _ORIGINAL:
        raise Refused(
            f"{path}: this is a disk-buffer file of syslog-ng, which keeps messages in"
            " a form of its own; let syslog-ng deliver it, or print it with its dqtool"
        )


def _print_info(reader: QueueReader) -> None:
    kind = "Reliable" if reader.path.suffix == ".rqf" else "Non-reliable"
    count = reader.totals.count if reader.totals is not None else reader.verify().count
    sys.stderr.write(
        f"{kind} disk-buffer state; operation='load', filename='{reader.path}', "
        f"number_of_messages='{count}'\n"
    )


def _persist_of(options: argparse.Namespace) -> Path:
    if options.persist is None:
        raise Refused("missing mandatory option: persist")
    path: Path = options.persist
    return path


def _relocate(options: argparse.Namespace) -> int:
    for path in options.files:
        _check_kind(path)
    moves = relocate(
        _persist_of(options),
        options.new_path,
        None if options.all else [path.absolute() for path in options.files],
    )
    status = 0
    for name, old, new in moves:
        print(f"found qfile, key: {name}, path: {old}")
        print(f"new qfile_path: {new}")
        options.files = [path for path in options.files if path.absolute() != old]
    for path in [] if options.all else options.files:
        sys.stderr.write(f"dqtool: {path}: no queue of this persist file\n")
        status = 1
    return status


def _assign(options: argparse.Namespace) -> int:
    if options.example or not options.files:
        sys.stderr.write(_EXAMPLE)
        return 0
    persist, path = _persist_of(options), options.files[0].absolute()
    if not options.persist_name:
        raise Refused("missing mandatory option: persist_name")
    _check_kind(path)
    before = assign(persist, options.persist_name, path)
    if before is not None:
        sys.stderr.write(
            f"Entry overridden during the assign process. Old entry: {before}\n"
        )
    return 0


def _truncate(files: list[Path], *, is_sure: bool) -> int:
    if not is_sure:
        print(
            "A daemon that uses a file must be stopped first.\n"
            "Repeat this command with the --force flag to truncate."
        )
        return 1
    status = 0
    for path in files:
        try:
            _check_kind(path)
            gained = truncate(path)
        except (Refused, LogferryError, OSError) as error:
            sys.stderr.write(f"dqtool: {error}\n")
            status = 1
            continue
        print(
            f"Disk-buffer {path} has been truncated, reclaimed space:"
            f" {gained / _GIB:f} GiB"
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
