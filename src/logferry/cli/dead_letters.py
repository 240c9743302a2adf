"""
``logferry dead-letters``: what no server took, and another chance for it.

::

    logferry dead-letters list [--destination NAME] [--json]
    logferry dead-letters show ID…
    logferry dead-letters replay ID…|--all [--to DESTINATION]   (a running daemon's)
    logferry dead-letters purge ID…|--all

Exit status: 0 good, 1 no such letter or no daemon, 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from logferry.cli.ctl import ask
from logferry.cli.state_dir import default_control, default_state_dir
from logferry.daemon.dead_letters import (
    LETTERS_FILE,
    SavedLetter,
    read_letters,
    remove_letters,
)

__all__ = ["main"]

_RESPONSE_CHARS = 60


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "logferry dead-letters", description="Messages that no server took."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "list": "show all letters, a line each",
        "show": "show letters with their messages",
        "replay": "send letters again through a running daemon",
        "purge": "delete letters",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--state-dir", type=Path, default=default_state_dir())
        if name == "list":
            command.add_argument("--destination", default="")
            command.add_argument("--json", action="store_true")
            continue
        command.add_argument("ids", type=int, nargs="*", metavar="ID")
        if name != "show":
            command.add_argument("--all", action="store_true", help="all letters")
        if name == "replay":
            command.add_argument("--to", default="", help="another destination")
            command.add_argument("--control", default="")
    return parser


def main(arguments: list[str]) -> int:
    """Show, replay and delete messages that no server took."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command != "list" and not (
        options.ids or getattr(options, "all", False)
    ):
        parser.error("name letters by their ids" + _or_all(options.command))
    path = options.state_dir / LETTERS_FILE
    try:
        if options.command == "replay":
            return _replay(options)
        if not path.exists():
            sys.stderr.write(f"logferry: no dead letters in {options.state_dir}\n")
            letters: list[SavedLetter] = []
        else:
            letters = list(
                read_letters(
                    path,
                    getattr(options, "ids", None) or None,
                    getattr(options, "destination", ""),
                )
            )
        if options.command == "list":
            return _list(letters, is_json=options.json)
        if options.command == "show":
            return _show(letters)
        removed = remove_letters(path, [item.id for item in letters]) if letters else 0
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"logferry: {error}\n")
        return 1
    print(f"{removed} deleted")
    return 0 if removed else 1


def _or_all(command: str) -> str:
    return "" if command == "show" else ", or say --all"


def _list(letters: list[SavedLetter], *, is_json: bool) -> int:
    if is_json:
        items = [
            asdict(item) | {"payload": item.payload.decode("utf-8", "backslashreplace")}
            for item in letters
        ]
        print(json.dumps(items))
        return 0
    for item in letters:
        response = item.response[:_RESPONSE_CHARS]
        print(
            f"{item.id}  {_time(item.last_ns)}  {item.destination}  {item.reason}"
            f"  {item.tries}x  {len(item.payload)} bytes  {item.target}  {response}"
        )
    return 0


def _show(letters: list[SavedLetter]) -> int:
    for item in letters:
        print(f"id: {item.id}\ndestination: {item.destination}\nkey: {item.key}")
        print(f"reason: {item.reason}\nresponse: {item.response}")
        print(f"target: {item.target}\ntries: {item.tries}")
        print(f"first: {_time(item.first_ns)}\nlast: {_time(item.last_ns)}")
        print(item.payload.decode("utf-8", "backslashreplace"), end="\n\n")
    if not letters:
        sys.stderr.write("logferry: no such letter\n")
    return 0 if letters else 1


def _replay(options: argparse.Namespace) -> int:
    control = options.control or default_control(options.state_dir)
    ids = "ALL" if options.all else ",".join(str(number) for number in options.ids)
    words = ["DEAD-LETTERS", "REPLAY", ids, *([options.to] if options.to else [])]
    try:
        kind, _, text = ask(control, words).partition(" ")
    except OSError as error:
        raise OSError(f"no daemon answers on {control}: {error.strerror}") from None
    (sys.stdout if kind == "OK" else sys.stderr).write(text)
    return 0 if kind == "OK" else 1


def _time(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns / 1e9, UTC).isoformat(timespec="seconds")
