from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from logferry.runtime.listeners import Listener
from logferry.runtime.socket_options import InetSocketOptions


class Loop:
    """Knows whether the socket is watched, and what is due."""

    def __init__(self) -> None:
        self.is_watching = False
        self.due: list[Callable[[], None]] = []

    def add_reader(self, sock: object, callback: object) -> None:
        self.is_watching = True

    def remove_reader(self, sock: object) -> None:
        self.is_watching = False

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Loop:
        self.due.append(callback)
        return self

    def cancel(self) -> None:
        self.due.clear()


class Socket:
    """Accepts nothing, for a reason."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.is_closed = False

    def listen(self, backlog: int) -> None:
        """Listen."""

    def accept(self) -> None:
        raise OSError(self._number, "accept")

    def close(self) -> None:
        self.is_closed = True


def listener(loop: Loop, number: int) -> Listener:
    sock = Socket(number)
    found = Listener(loop, sock, 1, InetSocketOptions(), print)  # type: ignore[arg-type]
    found._on_readable()
    return found


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_without_descriptors_a_listener_pauses_instead_of_spinning(number: int):
    loop = Loop()
    listener(loop, number)
    assert not loop.is_watching
    loop.due.pop()()
    assert loop.is_watching


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ECONNABORTED])
def test_nothing_to_accept_is_no_reason_to_pause(number: int):
    loop = Loop()
    listener(loop, number)
    assert loop.is_watching


def test_a_paused_listener_can_be_closed():
    loop = Loop()
    listener(loop, errno.EMFILE).close()
    assert loop.due == []
