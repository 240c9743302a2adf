"""
``logferry ctl``: one command to a running daemon, its answer on standard output.

Words are those of ``syslog-ng-ctl`` (``stats prometheus``, ``query get '*'``,
``reload`` …) and our own: ``pool``, ``drain SERVER``, ``source stop NAME``, ``events``.
"""

from __future__ import annotations

import socket
import sys

__all__ = ["ask", "run_command"]

_TIMEOUT_S = 60.0
_WIRE = {
    "stats": ["STATS", "CSV"],
    "stats csv": ["STATS", "CSV"],
    "stats prometheus": ["STATS", "PROMETHEUS"],
    "stats reset": ["RESET_STATS"],
    "query get": ["QUERY", "GET"],
    "query list": ["QUERY", "LIST"],
    "list-files": ["LISTFILES"],
    "config": ["CONFIG", "GET", "ORIGINAL"],
    "config preprocessed": ["CONFIG", "GET", "PREPROCESSED"],
    "config id": ["CONFIG", "ID"],
    "config verify": ["CONFIG", "VERIFY"],
    "log-level": ["LOG", "LEVEL"],
}


def ask(path: str, words: list[str]) -> str:
    """
    Send one command and return the answer without its dot.

    Raises ``OSError`` when nobody listens or the answer does not come.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.connect(path)
        sock.sendall(" ".join(words).encode() + b"\n")
        answer = b""
        while not (answer == b".\n" or answer.endswith(b"\n.\n")):
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("the daemon closed the connection")
            answer += data
    return answer[:-2].decode("utf-8", "surrogateescape")


def _to_wire(words: list[str]) -> list[str]:
    for length in (2, 1):
        head = " ".join(words[:length])
        if head in _WIRE and len(words) >= length:
            return [*_WIRE[head], *words[length:]]
    return [words[0].upper(), *words[1:]]


def run_command(words: list[str], path: str) -> int:
    """Run one command; return the exit status."""
    try:
        answer = ask(path, _to_wire(words))
    except OSError as error:
        sys.stderr.write(f"logferry: cannot talk to {path}: {error}\n")
        return 1
    if answer.startswith("OK "):
        answer = answer[3:]
    elif answer.startswith("FAIL"):
        sys.stderr.write(answer.removeprefix("FAIL").lstrip())
        return 1
    sys.stdout.write(answer)
    return 0
