"""
Addresses of names, asked of the system without anybody in the way.

``getaddrinfo(3)`` knows ``/etc/hosts`` and everything else that the system asks, but it
blocks, and with a name server that is away it does so for half a minute. An event
loop's own lookups share four threads, with each other and with the reverse lookups of
senders: a dead name server would keep even names from ``/etc/hosts`` from being found,
and attempts that were given up long ago would still wait for their turn.

So each question has a thread of its own, and there is one of each question at a time:
who asks the same while it is asked shares the answer. Who gives up leaves the thread
alone; it ends by itself, and nobody waits for it at the end of the process. There are
never more threads than names in the configuration, times address families.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from logferry.records import record

__all__ = ["Found", "addresses_of"]

Found: TypeAlias = list[tuple[int, tuple[Any, ...]]]
"""Family, and what ``connect`` takes, in the system's order."""

_Answer: TypeAlias = Found | OSError
_Waiter: TypeAlias = Callable[[_Answer], None]


@record
class _Question:
    host: str
    port: int
    family: int


_waiters: dict[_Question, list[_Waiter]] = {}
_lock = threading.Lock()


async def addresses_of(host: str, port: int, family: int) -> Found:
    """
    Return the TCP addresses of ``host``; ``AF_UNSPEC`` is all families.

    Raises ``OSError``.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[_Answer] = loop.create_future()

    def tell(answer: _Answer) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_resolve, answered, answer)

    _ask(_Question(host, port, family), tell)
    answer = await answered
    if isinstance(answer, OSError):
        raise answer
    return answer


def _resolve(answered: asyncio.Future[_Answer], answer: _Answer) -> None:
    if not answered.done():  # nobody waits any more
        answered.set_result(answer)


def _ask(question: _Question, tell: _Waiter) -> None:
    """Call ``tell`` with the answer, from another thread."""
    with _lock:
        if question in _waiters:
            _waiters[question].append(tell)
            return
        _waiters[question] = [tell]
    thread = threading.Thread(
        target=_answer, args=(question,), name=f"name {question.host}", daemon=True
    )
    try:
        thread.start()
    except RuntimeError:  # no thread to be had
        _tell_all(question, OSError(errno.EAGAIN, "no thread for the question"))


def _answer(question: _Question) -> None:
    answer: _Answer
    try:
        answer = [
            (family, address)
            for family, _, _, _, address in socket.getaddrinfo(
                question.host, question.port, question.family, socket.SOCK_STREAM
            )
        ]
    except OSError as error:
        answer = error
    except UnicodeError as error:  # no name that DNS could know: RFC 3490
        answer = socket.gaierror(socket.EAI_NONAME, str(error))
    _tell_all(question, answer)


def _tell_all(question: _Question, answer: _Answer) -> None:
    with _lock:
        waiters = _waiters.pop(question)
    for tell in waiters:
        tell(answer)
