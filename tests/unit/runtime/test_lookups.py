"""A name that is never answered keeps nobody else from being found."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from logferry.errors import ConnectFailed
from logferry.runtime.connect import Endpoint, open_stream
from logferry.runtime.lookups import addresses_of


class Names:
    """The system's names; those that begin with ``hung`` wait until ``answer``."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answer = threading.Event()

    def getaddrinfo(self, host: str, port: int, family: int, kind: int) -> list:
        self.asked[host] += 1
        if host.startswith("hung"):
            self.answer.wait(60)
        if host.endswith("absent"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if ".." in host:
            raise UnicodeError("label empty or too long")
        return [(socket.AF_INET, kind, 6, "", ("127.0.0.9", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    found = Names()
    monkeypatch.setattr(
        "logferry.runtime.lookups.socket.getaddrinfo", found.getaddrinfo
    )
    yield found
    found.answer.set()
    for thread in threading.enumerate():
        if thread.name.startswith("name "):
            thread.join()


async def ask(host: str) -> str:
    ((_, address),) = await addresses_of(host, 514, socket.AF_INET)
    return f"{address[0]}:{address[1]}"


async def test_names_that_hang_keep_nobody_waiting(names: Names):
    hung = [asyncio.create_task(ask(f"hung{number}")) for number in range(40)]
    await asyncio.sleep(0)
    assert await ask("known") == "127.0.0.9:514"
    assert not any(task.done() for task in hung)
    names.answer.set()
    assert set(await asyncio.gather(*hung)) == {"127.0.0.9:514"}


async def test_who_asks_the_same_meanwhile_shares_the_answer(names: Names):
    tasks = [asyncio.create_task(ask("hung")) for _ in range(5)]
    await asyncio.sleep(0)
    names.answer.set()
    assert set(await asyncio.gather(*tasks)) == {"127.0.0.9:514"}
    assert names.asked["hung"] == 1
    await ask("hung")  # an answer is not kept: that is the system's business
    assert names.asked["hung"] == 2


async def test_attempts_that_gave_up_leave_no_queue_behind(names: Names):
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ask("hung")
    assert names.asked["hung"] == 1
    names.answer.set()
    assert await ask("hung") == "127.0.0.9:514"


@pytest.mark.parametrize("host", ["absent", "a..b"])
async def test_what_is_no_name_is_a_failed_attempt(names: Names, host: str):
    with pytest.raises(ConnectFailed, match=f"cannot resolve '{host}'"):
        await open_stream(Endpoint(host, 514, 30.0))
    assert names.asked[host] == 1
