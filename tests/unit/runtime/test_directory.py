"""Names of hosts without waiting; users, groups, services and protocols."""

from __future__ import annotations

import asyncio
import pwd
from typing import TYPE_CHECKING

import pytest

from logferry.config.options import GlobalOptions
from logferry.message.model import Monotonic
from logferry.runtime import directory
from logferry.runtime.directory import MachineDirectory, naming_by_default
from logferry.runtime.resolver import Naming

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "192.0.2.7"


class Names:
    """A resolver of the system that answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getnameinfo", self._answer, raising=False)

    async def _answer(self, address: tuple[str, int], flags: int) -> tuple[str, str]:
        del flags
        self.asked.append(address[0])
        await self.go.wait()
        if address[0].endswith(".9"):
            raise OSError("no name")
        return f"Host-{address[0].rpartition('.')[2]}.example", "0"


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def machine(now: list[float] | None = None, **options: object) -> MachineDirectory:
    times = now or [0.0]
    naming = Naming(hosts_file="/nonexistent", **options)  # type: ignore[arg-type]
    return MachineDirectory(naming, lambda: Monotonic(times[0]))


async def test_an_unknown_host_is_its_address_until_the_name_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(monkeypatch)
    look_up = machine().hosts({})
    assert look_up(ADDRESS.encode()) == ADDRESS.encode()
    assert look_up(ADDRESS.encode()) == ADDRESS.encode()
    await _settle()
    names.go.set()
    await _settle()
    assert look_up(ADDRESS.encode()) == b"Host-7"
    assert names.asked == [ADDRESS]


async def test_a_host_without_a_name_is_asked_for_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names, now = Names(monkeypatch), [0.0]
    names.go.set()
    look_up = machine(now, expire_failed_s=60).hosts({})
    for moment in (0.0, 59.0, 61.0):
        now[0] = moment
        assert look_up(b"192.0.2.9") == b"192.0.2.9"
        await _settle()
    assert len(names.asked) == 2


async def test_options_of_the_function_win_over_the_global_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(monkeypatch)
    names.go.set()
    look_up = machine().hosts({"use-fqdn": True, "normalize-hostnames": True})
    look_up(ADDRESS.encode())
    await _settle()
    assert look_up(ADDRESS.encode()) == b"host-7.example"
    assert machine().hosts({"use-dns": False})(b"192.0.2.8") == b"192.0.2.8"
    assert names.asked == [ADDRESS]


async def test_a_flood_of_addresses_is_no_flood_of_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directory, "LOOKUPS_MAX", 3)
    names = Names(monkeypatch)
    look_up = machine().hosts({})
    for number in range(10, 30):
        look_up(b"192.0.2.%d" % number)
    await _settle()
    assert len(names.asked) == 3
    names.go.set()
    await _settle()


def test_text_that_is_no_address_has_no_name() -> None:
    assert machine().hosts({})(b"web") == b""


def test_outside_of_a_daemon_nothing_is_asked() -> None:
    assert machine().hosts({})(ADDRESS.encode()) == ADDRESS.encode()


def test_the_hosts_file_of_the_configuration_counts(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{ADDRESS} web.example\n")
    options = {"dns_cache_hosts": str(hosts), "use_dns": "persist-only"}
    naming = naming_by_default(GlobalOptions(options))
    assert naming.hosts_only
    look_up = MachineDirectory(naming, lambda: Monotonic(0.0)).hosts({"use-fqdn": True})
    assert look_up(ADDRESS.encode()) == b"web.example"


@pytest.mark.parametrize(
    ("database", "key", "member", "expected"),
    [
        ("passwd", "root", "", "0"),
        ("passwd", "0", "", "root"),
        ("passwd", "root", "gid", "0"),
        ("passwd", "0", "dir", pwd.getpwuid(0).pw_dir),
        ("passwd", "nobody-of-that-name", "", ""),
        ("passwd", "root", "password", ""),
        ("group", "root", "", "0"),
        ("group", "0", "name", "root"),
        ("group", "root", "members", ""),
        ("passwd", "99999999999999999999", "", ""),
        ("services", "ssh", "", "22"),
        ("services", "22", "", "ssh"),
        ("services", "70000", "", ""),
        ("protocols", "tcp", "", "6"),
        ("protocols", "17", "", "udp"),
        ("protocols", "no such", "", ""),
    ],
)
def test_entries_are_found_by_name_and_by_number(
    database: str, key: str, member: str, expected: str
) -> None:
    assert machine().entry(database, key.encode(), member) == expected.encode()


def test_an_entry_is_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, answers = [0.0], iter(["one", "two"])
    monkeypatch.setattr(directory, "_ask", lambda *_: next(answers))
    found = machine(now)
    seen = []
    for moment in (0.0, 59.0, 61.0):
        now[0] = moment
        seen.append(found.entry("passwd", b"x", ""))
    assert seen == [b"one", b"one", b"two"]
