"""
``logferry ctl`` and ``syslog-ng-ctl``: one command to a running daemon.

The words are those of ``syslog-ng-ctl`` (``stats prometheus``, ``query get '*'``,
``config --verify`` …) and our own (``pool``, ``drain SERVER``, ``queues``, ``events``).
Each becomes one line of the control protocol; the answer goes to standard output
without its ``OK``, a ``FAIL`` sets the exit status. ``--control`` may stand anywhere.

Only modules that load at once are imported: scripts poll this command.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable

__all__ = ["UsageError", "ask", "run_command", "to_wire"]

_TIMEOUT_S = 60.0
_HEALTHCHECK_TIMEOUT_S = 15.0

_UNKNOWN = "Unknown command"
_USAGE = """\
Syntax: {program} <command> [options]
Possible commands are:
    stats [csv|prometheus]   Print counters (--reset, --remove-orphans)
    query list|get PATTERN   Print chosen counters (--sum, --reset)
    reload                   Read the configuration again and switch to it
    reopen                   Reopen the files of destinations
    stop                     Stop the daemon
    log-level [LEVEL]        Show or set: default, verbose, debug, trace
    verbose, debug, trace    Show or set one flag (--set on|off)
    config                   Print the configuration (--preprocessed, --id, --verify)
    list-files               Print the files that the configuration names
    healthcheck              Measure the daemon's latency (--timeout SECONDS)
    credentials add|status   Passphrases of private keys
    export-config-graph      Print the log paths as a DOT graph
    show-license-info        Print the licence
    pool, queues, events [N] Show servers, queues, what happened (--json)
    drain, undrain SERVER    Move deliveries away from a server and back
    source list|stop|start   Close and open a source by hand
    attach [logs|stdio]      See what the daemon says (--seconds N, --log-level LEVEL)
"""


class UsageError(Exception):
    """The command line makes no sense; the text says why."""


def ask(path: str, words: list[str], timeout_s: float = _TIMEOUT_S) -> str:
    """
    Send one command and return the answer without its dot.

    Raises ``OSError`` when nobody listens or the answer does not come.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _connect(sock, path, timeout_s)
        sock.settimeout(timeout_s)
        line = " ".join(words)
        sock.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
        answer = b""
        while not (answer == b".\n" or answer.endswith(b"\n.\n")):
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("the daemon closed the connection")
            answer += data
    return answer[:-2].decode("utf-8", "surrogateescape")


def _connect(sock: socket.socket, path: str, timeout_s: float) -> None:
    """
    Connect, waiting while the daemon's backlog is full.

    The time limit is that of sending (unix(7)): a socket with Python's timeout would
    not wait but fail at once.
    """
    seconds = int(timeout_s)
    limit = struct.pack("ll", seconds, int((timeout_s - seconds) * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    try:
        sock.connect(path)
    except BlockingIOError:
        raise TimeoutError("the daemon accepts no connection") from None


def follow(path: str, words: list[str]) -> str:
    """
    Send ``ATTACH`` with our own standard streams; return the answer for the end.

    The daemon says ``ALIVE`` every second, which is not shown. Raises ``OSError``.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _connect(sock, path, _TIMEOUT_S)
        sock.settimeout(_TIMEOUT_S)
        line = " ".join(words).encode() + b"\n"
        socket.send_fds(sock, [line], [0, 1, 2])
        answer = b""
        while data := sock.recv(65536):
            lines = (answer + data).split(b"\n")
            answer = b"\n".join(line for line in lines if line not in {b"ALIVE", b"."})
            if b"." in lines[:-1] and answer.strip():
                break
    return answer.strip().decode("utf-8", "surrogateescape") + "\n"


class _Words:
    """The words of a command, options taken out one by one."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def has(self, *names: str) -> bool:
        """Take out a flag; tell whether it was there."""
        found = [word for word in self._words if word in names]
        self._words = [word for word in self._words if word not in names]
        return bool(found)

    def value(self, *names: str) -> str | None:
        """Take out an option with its value, in any of its three forms."""
        for index, word in enumerate(self._words):
            for name in names:
                if word == name:
                    if index + 1 == len(self._words):
                        raise UsageError(f"Missing argument for {name}")
                    del self._words[index]
                    return self._words.pop(index)
                if name.startswith("--") and word.startswith(name + "="):
                    return self._words.pop(index).partition("=")[2]
                is_short = len(name) == 2 and name[1] != "-"
                if is_short and word.startswith(name) and not word.startswith("--"):
                    return self._words.pop(index)[2:]
        return None

    def rest(self) -> list[str]:
        """Return what is left. Raises ``UsageError`` for an unknown option."""
        for word in self._words:
            if word.startswith("-") and word not in {"-", "--json"}:
                raise UsageError(f"Unknown option {word}")
        return self._words


def _stats(words: _Words) -> list[str]:
    if words.has("-r", "--reset"):
        return ["RESET_STATS"]
    if words.has("-o", "--remove-orphans"):
        return ["REMOVE_ORPHANED_STATS"]
    with_legacy = words.has("-l", "--with-legacy-metrics")
    form = (words.rest() or ["csv"])[0].lower()
    if form == "reset":
        return ["RESET_STATS"]
    if form not in {"csv", "prometheus"}:
        raise UsageError(f"Unknown statistics format {form}")
    return ["STATS", form.upper(), *(["WITH_LEGACY"] if with_legacy else [])]


def _query(words: _Words) -> list[str]:
    verb = "GET"
    suffix = "_SUM" if words.has("--sum") else ""
    suffix += "_RESET" if words.has("--reset") else ""
    rest = words.rest()
    if not rest or rest[0] not in {"list", "get"}:
        raise UsageError("say query list PATTERN or query get PATTERN")
    if rest[0] == "list":
        verb, suffix = "LIST", ""
    if len(rest) == 1:
        raise UsageError("error: need a path argument, such as '*'")
    return ["QUERY", verb + suffix, *rest[1:]]


def _config(words: _Words) -> list[str]:
    if words.has("-i", "--id"):
        return ["CONFIG", "ID"]
    if words.has("-v", "--verify"):
        return ["CONFIG", "VERIFY"]
    is_preprocessed = words.has("-p", "--preprocessed")
    rest = [word.upper() for word in words.rest()]
    if rest in (["ID"], ["VERIFY"]):
        return ["CONFIG", *rest]
    is_preprocessed = is_preprocessed or rest == ["PREPROCESSED"]
    return ["CONFIG", "GET", "PREPROCESSED" if is_preprocessed else "ORIGINAL"]


def _flag(name: str) -> Callable[[_Words], list[str]]:
    def read(words: _Words) -> list[str]:
        value = words.value("-s", "--set")
        words.rest()
        if value is None:
            return ["LOG", name]
        if value.lower() not in {"on", "off", "1", "0"}:
            raise UsageError(f"say on or off, not {value}")
        return ["LOG", name, "ON" if value.lower() in {"on", "1"} else "OFF"]

    return read


def _log_level(words: _Words) -> list[str]:
    return ["LOG", "LEVEL", *(word.upper() for word in words.rest())]


def _attach(words: _Words) -> list[str]:
    seconds = words.value("--seconds")
    level = words.value("--log-level")
    mode, *more = words.rest() or ["stdio"]
    if more:
        raise UsageError("Too many arguments")
    if mode not in {"stdio", "logs", "debugger"}:
        raise UsageError("Unknown attach mode")
    if seconds is not None and not seconds.isdigit():
        raise UsageError(f"--seconds takes a number, not {seconds}")
    return ["ATTACH", mode.upper(), seconds or "-1", *([level] if level else [])]


def _credentials(words: _Words) -> list[str]:
    name = words.value("-i", "--id")
    secret = words.value("-s", "--secret")
    verb, *rest = words.rest() or [""]
    if verb == "status":
        return ["PWD", "status"]
    if verb != "add":
        raise UsageError("say credentials add KEY [PASSPHRASE] or credentials status")
    if name is None and rest:
        name, *rest = rest
    if secret is None and rest:
        secret = rest[0]
    if not name:
        raise UsageError("name the key that the passphrase is for")
    if secret is None:
        import getpass

        secret = (
            getpass.getpass("Password: ")
            if sys.stdin.isatty()
            else sys.stdin.readline().rstrip("\n")
        )
    return ["PWD", "add", name, secret]


_COMMANDS: dict[str, Callable[[_Words], list[str]]] = {
    "stats": _stats,
    "query": _query,
    "config": _config,
    "attach": _attach,
    "log-level": _log_level,
    "verbose": _flag("VERBOSE"),
    "debug": _flag("DEBUG"),
    "trace": _flag("TRACE"),
    "credentials": _credentials,
    "list-files": lambda words: ["LISTFILES", *words.rest()],
    "show-license-info": lambda words: ["LICENSE", *words.rest()],
    "export-config-graph": lambda words: ["EXPORT_CONFIG_GRAPH", *words.rest()],
}
_PLAIN = (
    *("reload", "reopen", "stop", "healthcheck", "license", "pool", "drain"),
    *("undrain", "queues", "events", "source"),
)


def to_wire(words: list[str]) -> list[str]:
    """
    Return the line of the control protocol for a command, word by word.

    Raises ``UsageError``.
    """
    if not words:
        raise UsageError("")
    name, options = words[0].lower(), _Words(words[1:])
    translate = _COMMANDS.get(name)
    if translate is not None:
        return translate(options)
    if name in _PLAIN:
        return [name.upper(), *options.rest()]
    raise UsageError(_UNKNOWN)


def run_command(words: list[str], path: str, program: str = "logferry ctl") -> int:
    """
    Run one command and return the exit status.

    ``path`` is the control socket unless the words hold ``--control``.
    """
    options = _Words(list(words))
    try:
        path = options.value("--control", "-c") or path
        timeout_s = _TIMEOUT_S
        if words and words[0] == "healthcheck":
            timeout_s = float(options.value("--timeout", "-t") or 15.0)
        if not words or options.has("-h", "--help"):
            sys.stdout.write(_USAGE.format(program=program))
            return 0 if words else 1
        wire = to_wire(options._words)
    except UsageError as error:
        is_lost = not words or str(error) == _UNKNOWN
        usage = _USAGE if is_lost else "{program} --help lists the commands\n"
        sys.stderr.write(f"{error}\n{usage.format(program=program)}")
        return 1
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        if wire[0] == "ATTACH":
            return _print(follow(path, wire))
        answer = ask(path, wire, timeout_s)
    except OSError as error:
        reason = error.strerror or str(error)
        sys.stderr.write(
            f"Error connecting control socket, socket='{path}', error='{reason}'\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130  # as the shell says it; the way to end an attachment
    return _print(answer)


def _print(answer: str) -> int:
    is_failed = answer.startswith("FAIL")
    text = answer.removeprefix("OK ").removeprefix("FAIL ")
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    return int(is_failed)
