"""
Ways out of this process that are one file descriptor each.

An outlet is open when it exists. Writing never blocks: ``write`` says how many bytes
were taken, and raises ``BlockingIOError`` when none can be now. Every other
``OSError`` means that the outlet is no use any more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import stat
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from logferry.runtime.socket_options import apply_socket_options

if TYPE_CHECKING:
    from logferry.destinations.local.options import (
        PipeDestinationOptions,
        ProgramDestinationOptions,
        StdoutDestinationOptions,
        TerminalDestinationOptions,
        UnixDestinationOptions,
    )

__all__ = [
    "DatagramSocket",
    "Fifo",
    "NotAgain",
    "Outlet",
    "Program",
    "StandardOutput",
    "StreamSocket",
    "Terminals",
]

_NOT_FOUND = 127
"""What a shell ends with when the command does not exist."""

_LAST_WORDS_S = 0.1
"""How long a command may take to end by itself when its input ends."""

_UTMP = struct.Struct("hi32s4s32s256shhiii4i20s")
_USER_PROCESS = 7


class NotAgain(OSError):
    """The outlet ended in a way that trying again cannot change."""


class Outlet(Protocol):
    """One open way out; ``keeps_records_apart`` asks for one record a write."""

    keeps_records_apart: bool

    def fileno(self) -> int:
        """Return what to wait on until it can be written to."""
        ...

    def write(self, data: memoryview) -> int:
        """Return how many bytes of ``data`` were taken."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Fifo:
    """A named pipe, opened for reading too so that it never lacks a reader."""

    keeps_records_apart = False

    def __init__(self, options: PipeDestinationOptions) -> None:
        path = Path(options.path)
        if options.create_dirs:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.mkfifo(path)
            if options.perm >= 0:
                path.chmod(options.perm)
        if not stat.S_ISFIFO(path.stat().st_mode):
            raise OSError(f"{path} is no pipe")
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        self._descriptor = os.open(path, flags)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, data: memoryview) -> int:
        """Write what the pipe has room for."""
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """Close our end; what nobody read is lost with it."""
        os.close(self._descriptor)


class StandardOutput:
    """Our own standard output, opened anew: not to block must not affect others."""

    keeps_records_apart = False

    def __init__(self, options: StdoutDestinationOptions) -> None:
        del options
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        self._descriptor = os.open("/proc/self/fd/1", flags)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, data: memoryview) -> int:
        """Write what there is room for."""
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """Close what was opened; standard output itself stays."""
        os.close(self._descriptor)


class Program:
    """The standard input of a running command."""

    keeps_records_apart = False

    def __init__(self, options: ProgramDestinationOptions) -> None:
        reading, self._descriptor = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._descriptor, False)
        environment: dict[str, str] | None = None if options.inherit_environment else {}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what program() promises
                ["/bin/sh", "-c", options.command],
                stdin=reading,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._descriptor)
            raise
        finally:
            os.close(reading)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, data: memoryview) -> int:
        """Write what the pipe has room for; ``NotAgain`` for an unknown command."""
        try:
            return os.write(self._descriptor, data)
        except BrokenPipeError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process.wait(_LAST_WORDS_S) == _NOT_FOUND:
                    raise NotAgain("the command does not exist") from error
            raise

    def close(self) -> None:
        """End the input, wait a moment, then ask the process group to end."""
        os.close(self._descriptor)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_S)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_S)


class _Socket:
    def __init__(self, options: UnixDestinationOptions, kind: int) -> None:
        self._closes_on_input = options.close_on_input
        self._socket = socket.socket(socket.AF_UNIX, kind)
        try:
            self._socket.setblocking(False)
            apply_socket_options(self._socket, options)
            self._socket.connect(options.path)
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def write(self, data: memoryview) -> int:
        """Send what the socket has room for."""
        return self._socket.send(data)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class StreamSocket(_Socket):
    """A connection to a unix socket."""

    keeps_records_apart = False

    def __init__(self, options: UnixDestinationOptions) -> None:
        super().__init__(options, socket.SOCK_STREAM)

    def write(self, data: memoryview) -> int:
        """Send what the socket has room for, unless the other side has gone."""
        with contextlib.suppress(BlockingIOError):
            said = self._socket.recv(4096)
            if not said:
                raise ConnectionResetError("the other side closed the connection")
            if self._closes_on_input:
                raise ConnectionResetError("the other side sent something")
        return super().write(data)


class DatagramSocket(_Socket):
    """A unix socket that takes one record a datagram."""

    keeps_records_apart = True

    def __init__(self, options: UnixDestinationOptions) -> None:
        super().__init__(options, socket.SOCK_DGRAM)

    def write(self, data: memoryview) -> int:
        """Send one record; what is too long for the kernel is cut."""
        size = len(data)
        while True:
            try:
                self._socket.send(data[:size])
            except OSError as error:
                if error.errno != errno.EMSGSIZE or size <= 1:
                    raise
                size //= 2
            else:
                return len(data)


class Terminals:
    """The terminals of users who are logged in, looked up for every record."""

    keeps_records_apart = True

    def __init__(
        self, options: TerminalDestinationOptions, utmp: Path = Path("/run/utmp")
    ) -> None:
        self._user = options.user
        self._utmp = utmp

    def fileno(self) -> int:
        """Terminals are never waited for."""
        raise NotImplementedError

    def write(self, data: memoryview) -> int:
        """Write one record to every terminal that takes it at once."""
        text = bytes(data).rstrip(b"\n") + b"\r\n"
        for line in self._lines():
            flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
            with contextlib.suppress(OSError):
                descriptor = os.open(f"/dev/{line}", flags)
                try:
                    os.write(descriptor, text)
                finally:
                    os.close(descriptor)
        return len(data)

    def _lines(self) -> list[str]:
        try:
            entries = self._utmp.read_bytes()
        except OSError:
            return []  # nobody is logged in where nobody keeps the list
        whole = len(entries) - len(entries) % _UTMP.size
        found = []
        for kind, _, line, _, user, *_ in _UTMP.iter_unpack(entries[:whole]):
            name = user.partition(b"\0")[0].decode(errors="replace")
            if kind == _USER_PROCESS and self._user in {"*", name}:
                found.append(line.partition(b"\0")[0].decode(errors="replace"))
        return found

    def close(self) -> None:
        """Nothing is kept open."""
