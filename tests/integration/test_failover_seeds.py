"""
The failover documents, sentence by sentence, on the real daemon and real sockets.

Intervals are options, so they are short here; that their defaults are what the
documents say is checked on the configuration itself.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import struct
import termios
from pathlib import Path

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError

pytestmark = pytest.mark.integration

PRIMARY, FIRST, SECOND = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_RESET = struct.pack("ii", 1, 0)
FAILBACK = "failback(tcp-probe-interval(0.2) successful-probes-required(3))"


class Scene:
    """A daemon that forwards to up to three collectors."""

    def __init__(self, folder: Path, failback: str = "", options: str = "") -> None:
        self.port = free_port(PRIMARY, FIRST, SECOND)
        self.input_port = free_port(PRIMARY)
        self.collectors = {
            address: Collector(address, self.port)
            for address in (PRIMARY, FIRST, SECOND)
        }
        self.daemon = Daemon(
            f"""
            options {{ time-reopen(0.2); }};
            source s {{ network(localip("127.0.0.1") port({self.input_port})); }};
            destination d {{
                network("{PRIMARY}" port({self.port})
                    failover(servers("{FIRST}", "{SECOND}") {failback})
                    {options}
                );
            }};
            log {{ source(s); destination(d); flags(flow-control); }};
            """,
            folder,
        )
        self.sender = Sender("127.0.0.1", self.input_port)

    def __getitem__(self, address: str) -> Collector:
        return self.collectors[address]

    async def __aenter__(self) -> Scene:
        return self

    async def open(self) -> None:
        """Start the daemon and connect the sender."""
        await self.daemon.start()
        await self.sender.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        if self.sender._writer is not None:
            await self.sender.__aexit__()
        if self.daemon._process is not None:
            assert await self.daemon.stop() == 0
        for collector in self.collectors.values():
            await collector.stop()


async def test_when_it_starts_up_it_always_connects_to_the_primary_server_first(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        for collector in scene.collectors.values():
            await collector.start()
        await scene.open()
        await scene.sender.send(3)
        await scene[PRIMARY].wait_for_lines(3)
        assert scene[FIRST].connections == 0
        assert scene[SECOND].connections == 0


async def test_detects_that_a_server_becomes_inaccessible_and_sends_to_a_secondary(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[PRIMARY].start()
        await scene[FIRST].start()
        await scene.open()
        await scene.sender.send(5)
        await scene[PRIMARY].wait_for_lines(5)
        await scene[PRIMARY].stop()
        await scene.sender.send(5)
        await scene[FIRST].wait_for_lines(5)
        assert numbers(scene[FIRST].lines) == [5, 6, 7, 8, 9]


async def test_a_loss_is_noticed_at_once_also_when_nothing_is_sent(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[PRIMARY].start()
        await scene[FIRST].start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        await scene[PRIMARY].stop()
        await scene[FIRST].wait_for_connections(1)  # no message was sent at all


async def test_if_the_secondary_becomes_inaccessible_it_switches_to_the_third_server(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        for collector in scene.collectors.values():
            await collector.start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        await scene[PRIMARY].stop()
        await scene[FIRST].wait_for_connections(1)
        await scene[FIRST].stop()
        await scene.sender.send(2)
        await scene[SECOND].wait_for_lines(2)


async def test_with_no_more_failover_servers_left_it_returns_to_the_beginning_of_the_list(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[PRIMARY].start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        await scene[PRIMARY].stop()
        await scene.daemon.wait_for(
            "Last failover server reached, trying the original host again"
        )
        await scene[PRIMARY].start()
        await scene.sender.send(1)
        await scene[PRIMARY].wait_for_lines(1)
        failed = [
            event for event in scene.daemon.events if "connection failed" in event
        ]
        servers = [event.partition("AF_INET(")[2].partition(":")[0] for event in failed]
        assert servers[:2] == [FIRST, SECOND]


async def test_round_robin_does_not_attempt_to_return_even_if_the_primary_is_available(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[PRIMARY].start()
        await scene[FIRST].start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        await scene[PRIMARY].stop()
        await scene[FIRST].wait_for_connections(1)
        await scene[PRIMARY].start()
        await asyncio.sleep(1.0)  # five times time-reopen()
        await scene.sender.send(4)
        await scene[FIRST].wait_for_lines(4)
        assert scene[PRIMARY].connections == 1


async def test_if_a_failover_server_fails_it_connects_the_next_one_in_round_robin_fashion(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        for collector in scene.collectors.values():
            await collector.start()
        await scene.open()
        order = [PRIMARY, FIRST, SECOND, PRIMARY, FIRST]
        for position, address in enumerate(order):
            round_number = order[: position + 1].count(address)
            await scene[address].wait_for_connections(round_number)
            await scene[address].stop()
            await scene[address].start()


async def test_failback_probes_the_primary_and_the_last_probe_becomes_the_connection(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path, FAILBACK) as scene:
        await scene[PRIMARY].start()
        await scene[FIRST].start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        await scene[PRIMARY].stop()
        await scene[FIRST].wait_for_connections(1)
        await scene.daemon.wait_for("Connection towards primary server failed")
        before = scene[PRIMARY].connections
        await scene[PRIMARY].start()
        await scene.daemon.wait_for("Primary server seems to be stable")
        await scene.sender.send(3)
        await scene[PRIMARY].wait_for_lines(3)
        # Three probes, of which two ended empty and the third carries the messages.
        assert scene[PRIMARY].connections - before == 3
        assert scene[PRIMARY].empty_connections >= 2
        assert scene[FIRST].lines == []


async def test_messages_go_to_the_secondary_while_the_primary_is_probed(
    tmp_path: Path,
) -> None:
    async with Scene(
        tmp_path, "failback(tcp-probe-interval(0.3) successful-probes-required(20))"
    ) as scene:
        await scene[FIRST].start()
        await scene.open()
        await scene[FIRST].wait_for_connections(1)
        await scene[PRIMARY].start()
        await scene.daemon.wait_for("Probing primary server successful", count=2)
        await scene.sender.send(5)
        await scene[FIRST].wait_for_lines(5)
        assert scene[PRIMARY].lines == []


async def test_a_failed_probe_starts_the_count_anew(tmp_path: Path) -> None:
    async with Scene(tmp_path, FAILBACK) as scene:
        await scene[FIRST].start()
        await scene.open()
        await scene[FIRST].wait_for_connections(1)
        await scene[PRIMARY].start()
        await scene.daemon.wait_for("successful-probes-received='2'")
        await scene[PRIMARY].stop()
        await scene.daemon.wait_for("Connection towards primary server failed", count=2)
        failed_at = len(scene.daemon.events)
        await scene[PRIMARY].start()
        await scene.daemon.wait_for("Primary server seems to be stable")
        later = [
            event for event in scene.daemon.events[failed_at:] if "received=" in event
        ]
        counts = [event.partition("received='")[2][0] for event in later]
        assert counts[-3:] == ["1", "2", "3"]


async def test_with_failback_the_primary_is_left_to_the_prober(tmp_path: Path) -> None:
    async with Scene(tmp_path, "failback(tcp-probe-interval(30))") as scene:
        await scene.open()
        await scene.daemon.wait_for("trying the first failover again", count=2)
        failed = [
            event for event in scene.daemon.events if "connection failed" in event
        ]
        servers = [event.partition("AF_INET(")[2].partition(":")[0] for event in failed]
        assert servers[0] == PRIMARY
        assert PRIMARY not in servers[1:]


async def test_if_it_is_restarted_it_attempts_to_connect_the_primary_server(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[FIRST].start()
        await scene.open()
        await scene[FIRST].wait_for_connections(1)
        assert await scene.daemon.stop() == 0
        await scene[PRIMARY].start()
        await scene.daemon.start()
        await scene[PRIMARY].wait_for_connections(1)


async def test_it_waits_time_reopen_before_it_switches_to_the_next_server(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path, options="time-reopen(0.7)") as scene:
        await scene[PRIMARY].start()
        await scene[FIRST].start()
        await scene.open()
        await scene[PRIMARY].wait_for_connections(1)
        lost_at = asyncio.get_running_loop().time()
        await scene[PRIMARY].stop()
        await scene[FIRST].wait_for_connections(1)
        assert 0.6 <= asyncio.get_running_loop().time() - lost_at < 2.0


async def test_what_was_queued_while_all_servers_were_down_is_sent_to_the_next_one(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene.open()
        await scene.sender.send(500)
        await scene.daemon.wait_for("connection failed", count=4)
        await scene[SECOND].start()
        await scene[SECOND].wait_for_lines(500)
        assert numbers(scene[SECOND].lines) == list(range(500))


async def test_after_a_reset_exactly_what_the_dead_kernel_had_not_acknowledged_is_sent(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path) as scene:
        await scene[FIRST].start()
        with socket.create_server((PRIMARY, scene.port)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            await scene.open()
            victim, _ = await asyncio.to_thread(listener.accept)
        sending = asyncio.create_task(scene.sender.send(100_000))
        acknowledged = await _acknowledged_bytes(victim)
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        victim.close()
        await sending
        line = b"<13>Nov 21 12:00:00 localhost app: number 000000\n"
        first = acknowledged // len(line)
        assert 0 < first < 100_000
        await scene[FIRST].wait_for_lines(100_000 - first, 30)
        assert numbers(scene[FIRST].lines) == list(range(first, 100_000))
        switched = await scene.daemon.wait_for("Destination switched to another server")
        assert "reason='Connection reset by peer (104)'" in switched


async def _acknowledged_bytes(sock: socket.socket) -> int:
    """Return what the kernel of the reader has, once it takes no more."""
    count = -1
    while True:
        await asyncio.sleep(0.3)
        waiting = array.array("i", [0])
        fcntl.ioctl(sock, termios.FIONREAD, waiting)
        if waiting[0] == count:
            return count
        count = waiting[0]


def _load(text: str, folder: Path):
    path = folder / "c.conf"
    return load_configuration(path, default_registry(), {}, "@version: 4.27\n" + text)[
        0
    ]


def _destination(configuration):
    (destination,) = configuration.destinations.values()
    return destination.drivers[0].options


@pytest.mark.parametrize(
    "failback",
    [
        "failback()",
        "failback(successful-probes-required() tcp-probe-interval())",
        "failback(tcp-probe-interval() successful-probes-required())",
    ],
)
def test_empty_failback_and_empty_parentheses_mean_60_seconds_and_3_probes(
    failback: str, tmp_path: Path
) -> None:
    options = _destination(
        _load(
            'destination d { network("p" port(601) '
            f'failover(servers("a", "b") {failback})); }};',
            tmp_path,
        )
    )
    assert options.failover.failback.tcp_probe_interval == 60.0
    assert options.failover.failback.successful_probes_required == 3


def test_the_default_of_time_reopen_is_60_seconds(tmp_path: Path) -> None:
    options = _destination(_load('destination d { network("p"); };', tmp_path))
    assert options.time_reopen == 60.0
    assert options.failover is None


def test_servers_are_separated_by_commas_or_spaces(tmp_path: Path) -> None:
    for servers in ('"a" "b"', '"a", "b"', '"a","b"'):
        options = _destination(
            _load(
                f'destination d {{ network("p" failover(servers({servers}))); }};',
                tmp_path,
            )
        )
        assert options.failover.servers == ("a", "b")
        assert options.failover.failback is None


@pytest.mark.parametrize(
    "driver",
    [
        'network("p" transport(udp) failover(servers("a")))',
        'syslog("p" transport("udp") failover(servers("a")))',
        'udp("p" failover(servers("a")))',
    ],
)
def test_udp_with_failover_is_a_configuration_error_that_says_why(
    driver: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="not available for UDP") as caught:
        _load(f"destination d {{ {driver}; }};", tmp_path)
    assert "nobody would notice" in str(caught.value)


EXAMPLES = (
    """destination d_network {
                 network(
                      "primary-server.com"
                      port(601)
                      failover( servers("failover-server1", "failover-server2") )
            );
            };
    """,
    """destination d_network_2 {
                   network(
                        "primary-server.com"
                        port(601)
                        failover(
                      servers("failover-server1", "failover-server2")
                             failback(
                                  successful-probes-required()
                                  tcp-probe-interval()
                             )
                        )
              );
              };
    """,
    """destination demo_failover_roundrobin{
              syslog("primary-logserver.example.com"
                    failover(
                          servers("first-failover-logserver.example.com", "second-failover-logserver.example.com")
                    )
              transport("tcp")
              port(514)
              time-reopen(60)
              );
        };
    """,
    """destination demo_failover_returntoprimary{
               syslog("primary-logserver.example.com"
                     failover(
                           servers("first-failover-logserver.example.com", "second-failover-logserver.example.com")
                           failback(
                                 tcp-probe-interval(120)
                                 successful-probes-required(3)
                           )
                     )
               transport("tcp")
               port(514)
               time-reopen(60)
               );
         };
    """,
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documents_examples_load_unchanged(example: str, tmp_path: Path) -> None:
    options = _destination(_load(example, tmp_path))
    assert len(options.failover.servers) == 2
    assert options.time_reopen == 60.0
    failback = options.failover.failback
    assert (failback is not None) == ("failback(" in example)
    if failback is not None:
        interval_s = 120.0 if "(120)" in example else 60.0
        assert failback.tcp_probe_interval == interval_s
        assert failback.successful_probes_required == 3
