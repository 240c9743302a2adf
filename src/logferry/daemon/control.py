"""
The control socket: one command a line, an answer that ends with a line holding a dot.

The protocol is the reference's, so that its ``syslog-ng-ctl`` works against us and
ours against it: answers begin with ``OK `` or ``FAIL `` where a status matters, and an
unknown command closes the connection. Several commands may follow each other on one
connection.

``ATTACH`` is the only command that goes on: the client passes descriptors along with it
(unix(7), ``SCM_RIGHTS``), and a line says every second that we are still there. Streams
of asyncio lose descriptors, which is why sockets are read here by hand.

The socket has mode 0600, and a client must be root or of our own user. Nothing that a
client sends can end the process; a line is bounded, and so is the number of clients:
beyond it, the one that has been silent for longest makes room, so that idle
connections cannot keep an operator out.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from logferry.errors import TransportError
from logferry.queues.refusal import is_disk_error
from logferry.records import record
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from logferry.telemetry.events import EventLog

__all__ = ["Attach", "Command", "ControlServer", "split_command"]

Command = Callable[[list[str]], Awaitable[str]]
"""Takes the words behind the command and returns the answer without the dot."""

Attach = Callable[
    [list[str], list[int], Callable[[str], Awaitable[None]]], Awaitable[str]
]
"""
Takes the words behind ``ATTACH``, the client's descriptors, and what sends it a line;
returns the answer. The descriptors are closed when it returns. The line cannot be sent
when the client has gone: ``OSError``.
"""

_LINE_BYTES_MAX = 16 * 1024
_READ_BYTES = 4096
_DESCRIPTORS_MAX = 3
_CLIENTS_MAX = 256
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED)
_ACCEPT_PAUSE_S = 0.1
_RETRY_S = 1.0
_PATH_BYTES_MAX = 107  # sun_path, with its terminating NUL (unix(7))


@record
class UnknownCommand(Event):
    """A client sent something that is no command."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Unknown command read on control channel, closing control channel"
    )

    command: str


@record
class ControlPutOff(Event):
    """The disk does not take the socket now."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Control socket cannot be made now, will try again"

    path: str
    error: str


@record
class StrangerRefused(Event):
    """Somebody who is neither root nor our own user connected."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Control connection of another user refused"

    uid: int


@record
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


class _Client:
    """One connection: lines and the descriptors that came with them, answers."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self.descriptors: list[int] = []

    async def read_line(self) -> bytes:
        """
        Return the next line, or nothing at the end.

        Raises ``OSError``, and ``ValueError`` for a line that does not end.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE_BYTES_MAX:
                raise ValueError("a line without end")
            if not await self._receive():
                return b""
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def _receive(self) -> bool:
        """Read what there is, waiting for it; tell whether there is more to come."""
        while True:
            try:
                data, passed, _, _ = socket.recv_fds(
                    self._sock, _READ_BYTES, _DESCRIPTORS_MAX
                )
            except BlockingIOError:
                await self._wait_readable()
                continue
            self.descriptors += passed
            if len(self.descriptors) > _DESCRIPTORS_MAX:
                raise ValueError("too many descriptors")
            self._buffer += data
            return bool(data)

    async def _wait_readable(self) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def go_on() -> None:
            if not future.done():  # ready twice before the task goes on
                future.set_result(None)

        loop.add_reader(self._sock, go_on)
        try:
            await future
        finally:
            loop.remove_reader(self._sock)

    async def send(self, data: bytes) -> None:
        """Send ``data``. Raises ``OSError``."""
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def send_line(self, text: str) -> None:
        """Send one line of an answer that goes on. Raises ``OSError``."""
        await self.send(text.encode() + b"\n")

    def is_trusted_by(self, uid: int) -> tuple[bool, int]:
        """Tell whether the peer is root or ``uid``, and who it is."""
        if not hasattr(socket, "SO_PEERCRED"):
            return True, uid
        size = struct.calcsize("3i")
        credentials = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        _, peer, _ = struct.unpack("3i", credentials)
        return peer in {0, uid}, peer

    def close_descriptors(self) -> None:
        """Close what the client passed to us."""
        passed, self.descriptors = self.descriptors, []
        for descriptor in passed:
            os.close(descriptor)

    def close(self) -> None:
        """End the connection."""
        self.close_descriptors()
        self._sock.close()


class ControlServer:
    """
    Serves the control socket.

    Args:
        path: used exactly as given, relative to the working directory.
        commands: by their first word, in upper case.
        log: told who was refused, and what failed.
        attach: answers ``ATTACH``.

    """

    def __init__(
        self,
        path: str,
        commands: dict[str, Command],
        log: EventLog,
        attach: Attach | None = None,
    ) -> None:
        self._path = path
        self._commands = commands
        self._log = log
        self._attach = attach
        self._listener: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        # Longest silent first: a client that speaks moves to the end.
        self._clients: dict[asyncio.Task[None], None] = {}

    async def start(self) -> None:
        """
        Listen; later, when the disk does not take the socket now.

        A stale socket is replaced. Raises ``TransportError``.
        """
        if len(os.fsencode(self._path)) > _PATH_BYTES_MAX:
            raise TransportError(
                f"the control socket's path is longer than {_PATH_BYTES_MAX} bytes: "
                f"{self._path}; give a shorter or a relative one"
            )
        try:
            self._listen()
        except OSError as error:
            if not is_disk_error(error):
                raise TransportError(
                    f"cannot make the control socket {self._path}: {error.strerror}"
                ) from error
            self._log.emit(ControlPutOff(self._path, error.strerror or ""))
            loop = asyncio.get_running_loop()
            self._acceptor = loop.create_task(self._listen_later(), name="control")

    async def _listen_later(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            try:
                self._listen()
            except OSError:
                continue
            return

    def _listen(self) -> None:
        """Make the socket. Raises ``OSError``."""
        if Path(self._path).is_socket():
            Path(self._path).unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            sock.bind(self._path)
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(mask)
        sock.setblocking(False)
        sock.listen(_CLIENTS_MAX)
        self._listener = sock
        loop = asyncio.get_running_loop()
        self._acceptor = loop.create_task(self._accept(sock), name="control")

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno not in _PASSING:
                    raise
                await asyncio.sleep(_ACCEPT_PAUSE_S)  # no descriptor left, perhaps
                continue
            self._admit(_Client(sock))

    def _admit(self, client: _Client) -> None:
        if len(self._clients) >= _CLIENTS_MAX:
            silent = next(iter(self._clients))
            del self._clients[silent]
            silent.cancel()
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._clients[task] = None
        task.add_done_callback(lambda task: self._forget(task, client))

    def _forget(self, task: asyncio.Task[None], client: _Client) -> None:
        # Here and not in the task, which may be cancelled before it begins.
        self._clients.pop(task, None)
        client.close()

    async def _serve(self, client: _Client) -> None:
        is_trusted, uid = client.is_trusted_by(os.geteuid())
        if not is_trusted:
            self._log.emit(StrangerRefused(uid))
            return
        # The client may go away, or send a line without end.
        with contextlib.suppress(OSError, ValueError):
            await self._converse(client)

    async def _converse(self, client: _Client) -> None:
        task = asyncio.current_task()
        assert task is not None
        while line := await client.read_line():
            words = split_command(line)
            if not words:
                continue  # syslog-ng-ctl ends some of its commands with two newlines
            if task in self._clients:
                self._clients[task] = self._clients.pop(task)
            name = words[0].upper()
            if name == "ATTACH" and self._attach is not None:
                answer = await self._attach(
                    words[1:], client.descriptors, client.send_line
                )
                client.close_descriptors()
                await client.send(_encode(answer))
                continue
            client.close_descriptors()
            command = self._commands.get(name)
            if command is None:
                self._log.emit(UnknownCommand(words[0]))
                return
            await client.send(_encode(await self._answer(command, words)))

    async def _answer(self, command: Command, words: list[str]) -> str:
        try:
            return await command(words[1:])
        except Exception as error:
            self._log.emit(CommandFailed(words[0], repr(error)))
            return "FAIL internal error, see the log"

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        ending = list(self._clients)
        if self._acceptor is not None:
            ending.append(self._acceptor)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
            Path(self._path).unlink(missing_ok=True)


def split_command(line: bytes) -> list[str]:
    """
    Return the words of a command.

    A passphrase is the rest of its line: its blanks count.
    """
    text = line.decode("utf-8", "surrogateescape")
    words = text.split()
    if [word.upper() for word in words[:2]] == ["PWD", "ADD"]:
        return text.strip("\r\n").split(" ", 3)
    return words
