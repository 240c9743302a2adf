"""
The control socket: one command a line, an answer that ends with a line holding a dot.

The protocol is the reference's, so that its ``syslog-ng-ctl`` works against us and
ours against it: answers begin with ``OK `` or ``FAIL `` where a status matters, and an
unknown command closes the connection. Several commands may follow each other on one
connection.

The socket has mode 0600, and a client must be root or of our own user. Nothing that a
client sends can end the process; a line is bounded, and so is the number of clients:
beyond it, the one that has been silent for longest makes room, so that idle
connections cannot keep an operator out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from logferry.errors import TransportError
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from logferry.telemetry.events import EventLog

__all__ = ["Command", "ControlServer"]

Command = Callable[[list[str]], Awaitable[str]]
"""Takes the words behind the command and returns the answer without the dot."""

_LINE_BYTES_MAX = 16 * 1024
_CLIENTS_MAX = 256
_PATH_BYTES_MAX = 107  # sun_path, with its terminating NUL (unix(7))


@dataclass(frozen=True, slots=True)
class UnknownCommand(Event):
    """A client sent something that is no command."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Unknown command read on control channel, closing control channel"
    )

    command: str


@dataclass(frozen=True, slots=True)
class StrangerRefused(Event):
    """Somebody who is neither root nor our own user connected."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Control connection of another user refused"

    uid: int


@dataclass(frozen=True, slots=True)
class CommandFailed(Event):
    """A command ended in an error that we did not expect: a bug of ours."""

    level: ClassVar[Level] = Level.CRITICAL
    text: ClassVar[str] = "Error in a control command"

    command: str
    error: str


def _encode(answer: str) -> bytes:
    """
    Return ``answer`` with its last line, the dot.

    A line of the answer that is itself a dot would end it early; it gets a blank.
    """
    if answer and not answer.endswith("\n"):
        answer += "\n"
    if answer.startswith(".\n") or "\n.\n" in answer:
        lines = answer.split("\n")
        answer = "\n".join(". " if line == "." else line for line in lines)
    return answer.encode("utf-8", "surrogateescape") + b".\n"


class ControlServer:
    """
    Serves the control socket.

    Args:
        path: used exactly as given, relative to the working directory.
        commands: by their first word, in upper case.

    """

    def __init__(self, path: str, commands: dict[str, Command], log: EventLog) -> None:
        self._path = path
        self._commands = commands
        self._log = log
        self._server: asyncio.Server | None = None
        # Longest silent first: a client that speaks moves to the end.
        self._clients: dict[asyncio.Task[None], None] = {}

    async def start(self) -> None:
        """Listen. A stale socket is replaced; raises ``TransportError``."""
        if len(os.fsencode(self._path)) > _PATH_BYTES_MAX:
            raise TransportError(
                f"the control socket's path is longer than {_PATH_BYTES_MAX} bytes: "
                f"{self._path}; give a shorter or a relative one"
            )
        with contextlib.suppress(FileNotFoundError):
            if Path(self._path).is_socket():
                Path(self._path).unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            sock.bind(self._path)
        except OSError as error:
            sock.close()
            raise TransportError(
                f"cannot make the control socket {self._path}: {error.strerror}"
            ) from error
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=sock, limit=_LINE_BYTES_MAX, backlog=_CLIENTS_MAX
        )

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= _CLIENTS_MAX:
            silent = next(iter(self._clients))
            del self._clients[silent]
            silent.cancel()
        self._clients[task] = None
        try:
            if self._is_trusted(writer):
                await self._converse(task, reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # the client went away, or sent a line without end
        except asyncio.CancelledError:
            pass  # it had to make room, or the daemon ends
        finally:
            self._clients.pop(task, None)
            writer.close()

    def _is_trusted(self, writer: asyncio.StreamWriter) -> bool:
        sock = writer.get_extra_info("socket")
        if sock is None or not hasattr(socket, "SO_PEERCRED"):
            return True
        size = struct.calcsize("3i")
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        _, uid, _ = struct.unpack("3i", credentials)
        if uid in {0, os.geteuid()}:
            return True
        self._log.emit(StrangerRefused(uid))
        return False

    async def _converse(
        self,
        task: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while line := await reader.readline():
            words = line.decode("utf-8", "surrogateescape").split()
            if not words:
                continue  # syslog-ng-ctl ends some of its commands with two newlines
            if task in self._clients:
                self._clients[task] = self._clients.pop(task)
            command = self._commands.get(words[0].upper())
            if command is None:
                self._log.emit(UnknownCommand(words[0]))
                return
            writer.write(_encode(await self._answer(command, words)))
            await writer.drain()

    async def _answer(self, command: Command, words: list[str]) -> str:
        try:
            return await command(words[1:])
        except Exception as error:
            self._log.emit(CommandFailed(words[0], repr(error)))
            return "FAIL internal error, see the log"

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            Path(self._path).unlink(missing_ok=True)
        for task in tuple(self._clients):
            task.cancel()
