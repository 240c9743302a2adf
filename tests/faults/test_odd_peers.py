"""
Peers that do what syslog servers should not, and worlds that are short of something.

None of it may cost a message. The laws are those of ``helpers/laws.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import broken_laws, flood, settled
from helpers.reader import Reader, tls_reader
from helpers.relay import Load, Relay
from helpers.tls_server import TlsServer

pytestmark = pytest.mark.integration

A, B, C = "127.0.0.1", "127.0.0.2", "127.0.0.3"
BACKOFF = "backoff(initial(0.02) max(0.5) jitter(0))"


def driver(port: int, options: str = "", failback: str = "") -> str:
    return (
        f'network("{A}" port({port}) {BACKOFF} {options} '
        f'failover(servers("{B}") {failback}))'
    )


def tls_driver(port: int, certificates: Certificates, options: str = "") -> str:
    return driver(port, f"transport(tls) {certificates.client()} {options}")


# -- half of a connection -----------------------------------------------------------


async def test_server_that_shuts_only_its_reading_down_swallows_what_it_acknowledges(
    tmp_path: Path,
) -> None:
    """Its kernel goes on acknowledging; what it then resets goes to the next one."""
    port = free_port(A, B)
    with socket.create_server((A, port)) as listener:
        async with Collector(B, port) as b, Relay(tmp_path, driver(port)) as relay:
            victim, _ = await asyncio.to_thread(listener.accept)
            listener.close()
            await flood(relay, 1000)
            await settled(relay, 1000)
            victim.shutdown(socket.SHUT_RD)
            await flood(relay, 1000)
            victim.close()  # unread bytes: RST
            await flood(relay, 1000)
            await b.wait_for_lines(1000)
            await settled(relay, 3000)
            excused = 3000 - len(b.lines)
            assert excused <= 2000
            assert broken_laws(3000, [b.lines], losses=1, excused=excused) == []
            assert numbers(b.lines) == list(range(excused, 3000))


async def test_close_notify_without_a_close_is_an_end(tmp_path: Path) -> None:
    """TLS says goodbye, TCP does not: what is under way goes to the next server."""
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    with socket.create_server((A, port)) as listener:
        context = certificates.context(A)
        b = tls_reader(tmp_path, certificates, "b", B, port)
        async with b, Relay(tmp_path, tls_driver(port, certificates)) as relay:
            raw, _ = await asyncio.to_thread(listener.accept)
            listener.close()
            wrap = context.wrap_socket
            victim = await asyncio.to_thread(wrap, raw, server_side=True)
            load = Load(relay)
            read = await asyncio.to_thread(victim.recv, 1 << 16)
            victim.setblocking(False)
            with contextlib.suppress(OSError):  # the answer is not awaited
                victim.unwrap()
            await b.wait_for_lines(1)
            sent = await load.stop()
            await b.wait_for(sent - 1)
            first = numbers(b.lines())[0]
            lines = read.split(b"\n")[:-1]
            excused = max(0, first - len(lines))  # acknowledged, and never read
            connections = [lines, *b.connections()]
            assert broken_laws(sent, connections, losses=1, excused=excused) == []
            await settled(relay, sent)
            victim.close()


# -- servers that talk ----------------------------------------------------------------


class Chatterbox:
    """Reads lines, and talks without end."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext | None) -> None:
        self._arguments = (address, port)
        self._context = context
        self.lines: list[bytes] = []
        self.said_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Chatterbox:
        self._server = await asyncio.start_server(
            self._serve, *self._arguments, ssl=self._context
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        talking = asyncio.ensure_future(self._talk(writer))
        self._tasks.add(talking)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.lines.append((await reader.readuntil(b"\n"))[:-1])
        talking.cancel()
        writer.close()

    async def _talk(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"blah " * 10_000)
                self.said_bytes += 50_000
                await writer.drain()


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_what_a_server_says_is_thrown_away_where_that_is_wanted(
    protocol: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    text = driver(port, "close-on-input(no)")
    context = None
    if protocol == "tls":
        text = tls_driver(port, certificates, "close-on-input(no)")
        context = certificates.context(A)
    async with Chatterbox(A, port, context) as a, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        before_kib = relay.daemon.resident_kib()
        async with asyncio.timeout(30):
            while a.said_bytes < 50_000_000:
                await asyncio.sleep(0.05)
        assert relay.daemon.resident_kib() - before_kib < 8 * 1024
        await flood(relay, 1000)
        async with asyncio.timeout(30):
            while len(a.lines) < 2000:
                await asyncio.sleep(0.05)
        assert broken_laws(2000, [a.lines], losses=0) == []
        await settled(relay, 2000)


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_a_server_that_says_something_is_left_by_default(
    protocol: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    text, contexts = driver(port), dict.fromkeys((A, B))
    if protocol == "tls":
        text = tls_driver(port, certificates)
        contexts = {address: certificates.context(address) for address in (A, B)}
    a, b = (Collector(address, port, contexts[address]) for address in (A, B))
    async with a, b, Relay(tmp_path, text) as relay:
        load = Load(relay)
        await a.wait_for_lines(1000)
        a.say(b"220 hello\r\n")
        await b.wait_for_lines(1)
        sent = await load.stop()
        await settled(relay, sent)
        await asyncio.sleep(0.1)
        assert "Unexpected input" in "".join(relay.said("connection broken"))
        assert broken_laws(sent, [a.lines, b.lines], losses=1) == []


# -- TLS that moves under our feet ------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "command"),
    [
        pytest.param("-tls1_3", "K", id="key update, answer demanded"),
        pytest.param("-tls1_3", "k", id="key update"),
    ],
)
async def test_new_keys_under_load_cost_nothing(
    version: str, command: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with (
        TlsServer(certificates, A, port, version) as a,
        b,
        Relay(tmp_path, tls_driver(port, certificates)) as relay,
    ):
        load = Load(relay)
        for _ in range(20):
            a.command(command)
            await asyncio.sleep(0.05)
        sent = await load.stop()
        await settled(relay, sent)
        # The server's kernel has it all; the server itself may still be printing.
        async with asyncio.timeout(30):
            while len(arrived := a.lines()) < sent:
                await asyncio.sleep(0.05)
        connections = [arrived, *b.connections()]
        losses = len(relay.said("Syslog connection broken"))
        losses += len(relay.said("Syslog connection closed"))
        assert broken_laws(sent, connections, losses=losses) == []
        assert losses == 0  # nobody hung up over it
        assert arrived


@pytest.mark.parametrize("command", ["r", "R"])
async def test_a_server_that_insists_on_a_renegotiation_is_left_without_loss(
    command: str, tmp_path: Path
) -> None:
    """We refuse (TLS 1.2); whether to go on is up to the server, and OpenSSL does not."""
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with (
        TlsServer(certificates, A, port, "-tls1_2") as a,
        b,
        Relay(tmp_path, tls_driver(port, certificates)) as relay,
    ):
        await relay.sender.send(1000)
        await settled(relay, 1000)
        a.command(command)
        await relay.daemon.wait_for("Destination switched")
        await relay.sender.send(1000)
        await b.wait_for(1999)
        connections = [a.lines(), *b.connections()]
        assert broken_laws(2000, connections, losses=1) == []
        await settled(relay, 2000)


async def test_a_certificate_renewed_between_probes_is_as_good(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    b = Collector(B, port, certificates.context(B))
    failback = "failback(tcp-probe-interval(0.2) successful-probes-required(4))"
    text = driver(port, f"transport(tls) {certificates.client()}", failback)
    async with b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await b.wait_for_lines(1000)
        async with Collector(A, port, certificates.context(A)):
            await relay.daemon.wait_for("successful-probes-received='2'")
        async with Collector(A, port, certificates.context(A)) as renewed:
            await relay.daemon.wait_for("Primary server seems to be stable")
            await flood(relay, 1000)
            await renewed.wait_for_lines(1000)
            assert broken_laws(2000, [b.lines, renewed.lines], losses=0) == []
            await settled(relay, 2000)


# -- slow is not dead -----------------------------------------------------------------


class Sieve:
    """Passes bytes on slowly: what lies in its kernel is acknowledged piece by piece."""

    def __init__(self, address: str, port: int, target: tuple[str, int]) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        # Small segments: windows open piece by piece, as they do on a real network.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        self._listener.bind((address, port))
        self._listener.listen()
        self._listener.setblocking(False)
        self._target = target

    async def __aenter__(self) -> Sieve:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        self._listener.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        client, _ = await loop.sock_accept(self._listener)
        reader, writer = await asyncio.open_connection(*self._target)
        back = asyncio.ensure_future(self._back(reader, client))
        try:
            while data := await loop.sock_recv(client, 2000):
                writer.write(data)
                await asyncio.sleep(0.05)
        finally:
            back.cancel()
            writer.close()
            client.close()

    async def _back(self, reader: asyncio.StreamReader, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            await loop.sock_sendall(client, data)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_a_slow_server_is_not_a_dead_one(protocol: str, tmp_path: Path) -> None:
    """It takes 40 kB a second: for all that is under way thrice the timeout."""
    certificates = Certificates(tmp_path)
    port, real_port = free_port(A, B), free_port(C)
    text, context = driver(port, "delivery-timeout(2.5)"), None
    if protocol == "tls":
        text = tls_driver(port, certificates, "delivery-timeout(2.5)")
        context = certificates.context(A)
    real = Collector(C, real_port, context)
    async with real, Sieve(A, port, (C, real_port)), Relay(tmp_path, text) as relay:
        await relay.sender.send(6000)
        await real.wait_for_lines(6000, 60)
        assert broken_laws(6000, [real.lines], losses=0) == []
        assert not relay.said("nothing was acknowledged")
        await settled(relay, 6000)


# -- short of something -----------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_without_descriptors_nothing_is_lost_and_all_recovers(
    protocol: str, tmp_path: Path
) -> None:
    """Neither reconnecting nor probing nor accepting can open a socket for a while."""
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    contexts = dict.fromkeys((A, B))
    failback = "failback(tcp-probe-interval(0.1) successful-probes-required(2))"
    tls = ""
    if protocol == "tls":
        contexts = {address: certificates.context(address) for address in (A, B)}
        tls = f"transport(tls) {certificates.client()}"
    text = driver(port, tls, failback)
    a, b = (Collector(address, port, contexts[address]) for address in (A, B))
    async with a, b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await a.wait_for_lines(1000)
        await settled(relay, 1000)
        pid = relay.daemon.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        # Descriptors that are open stay so; of the rest only those below are left.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (5, hard))
        a.reset_connections()
        await relay.daemon.wait_for("Too many open files", count=3)
        await relay.sender.send(1000)
        with socket.create_connection(("127.0.0.1", relay.input_port)):
            await asyncio.sleep(0.3)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
            async with asyncio.timeout(30):
                while len(a.lines) + len(b.lines) < 2000:
                    await asyncio.sleep(0.05)
        assert broken_laws(2000, [a.lines, b.lines], losses=1) == []
        await settled(relay, 2000)
        await relay.daemon.wait_for("seems to be stable")


async def test_children_inherit_no_connection(tmp_path: Path) -> None:
    port = free_port(A, B)
    text = f'{driver(port)}; program("exec sleep 30")'
    async with Collector(A, port) as a, Relay(tmp_path, text) as relay:
        await relay.sender.send(10)  # the first message starts the program
        await a.wait_for_lines(10)
        children: list[int] = []
        async with asyncio.timeout(30):
            while not children:
                for status in Path("/proc").glob("[0-9]*/stat"):
                    with contextlib.suppress(OSError):
                        fields = status.read_text().rpartition(")")[2].split()
                        if int(fields[1]) == relay.daemon.pid:
                            children.append(int(status.parent.name))
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        for child in children:
            links = Path(f"/proc/{child}/fd").iterdir()
            targets = [str(link.readlink()) for link in links]
            assert not [target for target in targets if target.startswith("socket:")]


async def test_a_fixed_local_port_survives_switches(tmp_path: Path) -> None:
    port, local = free_port(A, B), free_port("127.0.0.9")
    options = f'localip("127.0.0.9") localport({local})'
    failback = "failback(tcp-probe-interval(0.2) successful-probes-required(1))"
    a, b = Collector(A, port), Collector(B, port)
    async with b, Relay(tmp_path, driver(port, options, failback)) as relay:
        for round_ in range(3):
            await flood(relay, 1000)
            await b.wait_for_lines(1000 * (round_ + 1))
            async with a:
                await relay.daemon.wait_for("seems to be stable", 20, round_ + 1)
                await flood(relay, 1000)
                await a.wait_for_lines(1000 * (round_ + 1))
        await flood(relay, 1000)
        await b.wait_for_lines(4000)
        assert broken_laws(7000, [sorted(a.lines), sorted(b.lines)], losses=3) == []
        await settled(relay, 7000)


# -- a thousand servers -------------------------------------------------------------


def thousand() -> list[str]:
    return [f"127.9.{number // 250}.{number % 250 + 1}" for number in range(1000)]


@pytest.mark.slow
async def test_the_last_of_a_thousand_servers_is_found(tmp_path: Path) -> None:
    *dead, alive = thousand()
    port = free_port(alive)
    servers = " ".join(f'"{item}"' for item in [*dead[1:], alive])
    failback = "failback(to(best) tcp-probe-interval(5))"
    text = (
        f'network("{dead[0]}" port({port}) {BACKOFF} '
        f"failover(servers({servers}) {failback}))"
    )
    async with Reader(tmp_path, "x", alive, port) as x, Relay(tmp_path, text) as relay:
        await flood(relay, 5000)
        await x.wait_for(4999, 60)
        assert broken_laws(5000, x.connections(), losses=0) == []
        pool = await relay.daemon.ctl("POOL")
        assert pool.count("Connection refused") >= 999
        await settled(relay, 5000)


@pytest.mark.slow
async def test_a_thousand_targets_share_and_their_death_costs_nothing(
    tmp_path: Path,
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("not enough descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    targets = thousand()
    port = free_port(targets[0])
    names = " ".join(f'"{item}"' for item in targets)
    text = f"network-load-balancer(targets({names}) port({port}) time-reopen(0.2))"
    async with Collector("0.0.0.0", port) as all_, Relay(tmp_path, text) as relay:
        await all_.wait_for_connections(1000, 60)
        for _ in range(50):
            await relay.sender.send(200)
            await asyncio.sleep(0.01)
        await all_.wait_for_lines(10_000)
        assert sorted(numbers(all_.lines)) == list(range(10_000))
        all_.reset_connections()
        await all_.wait_for_connections(2000, 60)
        await relay.sender.send(1000)
        await all_.wait_for_lines(11_000)
        assert sorted(numbers(all_.lines)) == list(range(11_000))
        await settled(relay, 11_000)
