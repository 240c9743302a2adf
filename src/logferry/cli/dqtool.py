"""
The drop-in ``dqtool``: ``info FILE…`` and ``cat FILE…`` in the original's call form.

Records are stored as they go on the wire, so ``cat`` prints them as they are: the
template of ``-t`` was applied when they came in.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from logferry.errors import CorruptRecord
from logferry.queues.reading import QueueReader

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dqtool")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "cat": "print the records of queue files",
        "info": "print how many messages wait in queue files",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("files", type=Path, nargs="+", metavar="FILE")
        command.add_argument("-d", "--debug", action="store_true")
        command.add_argument("-v", "--verbose", action="store_true")
        if name == "cat":
            command.add_argument("-t", "--template", help="no effect: see the manual")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(words)
    if getattr(options, "template", None):
        sys.stderr.write(
            "dqtool: records are printed as they were stored, without -t\n"
        )
    status = 0
    for path in options.files:
        try:
            reader = QueueReader(path)
        except CorruptRecord as error:
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


def _print_info(reader: QueueReader) -> None:
    kind = "Reliable" if reader.path.suffix == ".rqf" else "Non-reliable"
    count = reader.totals.count if reader.totals is not None else reader.verify().count
    sys.stderr.write(
        f"{kind} disk-buffer state; operation='load', filename='{reader.path}', "
        f"number_of_messages='{count}'\n"
    )


if __name__ == "__main__":
    sys.exit(main())
