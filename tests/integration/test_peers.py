"""Peers nobody here wrote: loggen sends, Debian's rsyslog and syslog-ng receive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
import trustme

from helpers.daemon import Daemon, free_port
from helpers.peers import Peer, Rsyslog, SyslogNg, loggen

pytestmark = [pytest.mark.integration, pytest.mark.peers]

PRIMARY, FAILOVER = "127.0.0.1", "127.0.0.2"


async def _wait_for_port(address: str, port: int) -> None:
    for _ in range(200):
        with socket.socket() as sock:
            sock.settimeout(1)
            if sock.connect_ex((address, port)) == 0:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"nobody listens on {address}:{port}")


def _relay(input_port: int, port: int, driver: str = "", failback: str = "") -> str:
    driver = driver or (
        f'network("{PRIMARY}" port({port}) time-reopen(0.3) '
        f'failover(servers("{FAILOVER}") {failback}))'
    )
    return f"""
        source s {{ network(localip("127.0.0.1") port({input_port})
                            keep-hostname(yes) max-connections(50)); }};
        destination d {{ {driver}; }};
        log {{ source(s); destination(d); flags(flow-control); }};
    """


def _sequence(lines: list[bytes]) -> list[int]:
    """Return the numbers that loggen put into its messages."""
    return [int(line.partition(b"seq: ")[2][:10]) for line in lines if b"seq: " in line]


def _servers(kind: str, folder: Path, port: int) -> tuple[Peer, Peer]:
    if kind == "rsyslog":
        return (
            Rsyslog(folder, "primary", PRIMARY, port),
            Rsyslog(folder, "failover", FAILOVER, port),
        )
    return (
        SyslogNg(folder, "primary", f'network(ip("{PRIMARY}") port({port}))'),
        SyslogNg(folder, "failover", f'network(ip("{FAILOVER}") port({port}))'),
    )


@pytest.mark.parametrize("kind", ["rsyslog", "syslog-ng"])
async def test_loggen_through_logferry_arrives_complete_and_in_order(
    kind: str, tmp_path: Path
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    primary, _ = _servers(kind, tmp_path, port)
    async with primary, Daemon(_relay(input_port, port), tmp_path):
        count = await loggen(
            *("-i", "-S", "-n", "20000", "-r", "100000", "-s", "200"),
            *("127.0.0.1", str(input_port)),
        )
        await primary.wait_for_lines(count)
        assert _sequence(primary.lines()) == list(range(count))


@pytest.mark.parametrize("kind", ["rsyslog", "syslog-ng"])
async def test_the_failover_server_takes_over_from_a_killed_peer_and_gives_back(
    kind: str, tmp_path: Path
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    primary, failover = _servers(kind, tmp_path, port)
    failback = "failback(tcp-probe-interval(0.2) successful-probes-required(3))"
    async with primary, failover:
        await _wait_for_port(PRIMARY, port)
        await _wait_for_port(FAILOVER, port)
        text = _relay(input_port, port, failback=failback)
        async with Daemon(text, tmp_path) as daemon:
            await daemon.wait_for("connection established")
            arguments = ("-i", "-S", "-n", "2000", "-r", "20000", "-s", "150")
            target = ("127.0.0.1", str(input_port))
            await loggen(*arguments, *target)
            await primary.wait_for_lines(2000)
            await primary.stop()
            await loggen(*arguments, *target)
            await failover.wait_for_lines(2000)
            assert _sequence(failover.lines()) == list(range(2000))
            await primary.start()
            await daemon.wait_for("Primary server seems to be stable", 20)
            await loggen(*arguments, *target)
            await primary.wait_for_lines(4000)
            assert _sequence(primary.lines()) == [*range(2000), *range(2000)]


async def test_the_default_wire_format_is_the_one_of_syslog_ng(tmp_path: Path) -> None:
    """The same lines through both programs come out byte for byte the same."""
    port, theirs_port, ours_port = (free_port(PRIMARY) for _ in range(3))
    lines = [
        b"<34>Oct 11 22:14:15 mymachine su: su root failed",
        b"<13>Mar  1 10:20:30 h p[12]: x",
        b"<13>Mar  1 10:20:30 h p q: two words",
        b"<191>Feb  5 17:32:18 10.0.0.1 app/sub[9]: text with \xff byte",
        b"<0>Jan  1 00:00:00 host kernel: [1.0] boot",
        b"<13>2024-03-01T10:20:30.123456+02:00 h p: iso stamp",
    ]
    sink = await asyncio.to_thread(socket.create_server, (PRIMARY, port))
    sink.settimeout(20)
    with sink:
        received = {}
        async with Daemon(
            f"""
            source s {{ network(localip("127.0.0.1") port({ours_port})
                                keep-hostname(yes)); }};
            destination d {{ network("{PRIMARY}" port({port})); }};
            log {{ source(s); destination(d); }};
            """,
            tmp_path,
        ):
            received["ours"] = await asyncio.to_thread(
                _pass_lines, sink, ours_port, lines
            )
        relay = SyslogNgRelay(tmp_path, theirs_port, port)
        async with relay:
            await _wait_for_port(PRIMARY, theirs_port)
            received["theirs"] = await asyncio.to_thread(
                _pass_lines, sink, theirs_port, lines
            )
    assert received["ours"] == received["theirs"]


def _pass_lines(sink: socket.socket, port: int, lines: list[bytes]) -> list[bytes]:
    connection, _ = sink.accept()
    connection.settimeout(20)
    with connection, socket.create_connection((PRIMARY, port)) as client:
        client.sendall(b"\n".join(lines) + b"\n")
        data = b""
        while data.count(b"\n") < len(lines):
            data += connection.recv(65536)
    return data.split(b"\n")[:-1]


class SyslogNgRelay(SyslogNg):
    """Debian's syslog-ng as the relay, for comparison."""

    def __init__(self, folder: Path, input_port: int, port: int) -> None:
        super().__init__(
            folder, "relay", f'network(ip("127.0.0.1") port({input_port}))'
        )
        self._port = port

    def command(self) -> list[str]:
        command = super().command()
        config = self._folder / "relay.conf"
        text = config.read_text().replace(
            f'file("{self.output}")', f'network("{PRIMARY}" port({self._port}))'
        )
        config.write_text(text)
        return command


def _certificates(folder: Path) -> dict[str, Path]:
    """Make a CA, a certificate for each server's own address, one for the client."""
    authority = trustme.CA()
    paths = {"ca": folder / "ca.pem"}
    authority.cert_pem.write_to_path(str(paths["ca"]))
    for name, identity in (
        ("primary", PRIMARY),
        ("failover", FAILOVER),
        ("client", "client.example"),
    ):
        certificate = authority.issue_cert(identity)
        paths[f"{name}-cert"] = folder / f"{name}-cert.pem"
        paths[f"{name}-key"] = folder / f"{name}-key.pem"
        certificate.cert_chain_pems[0].write_to_path(str(paths[f"{name}-cert"]))
        certificate.private_key_pem.write_to_path(str(paths[f"{name}-key"]))
    return paths


VERSIONS = pytest.mark.parametrize(
    "version", ["ssl-version(tlsv1_3)", "ssl-options(no-tlsv13)"], ids=["1.3", "1.2"]
)


def _mutual_tls(
    kind: str, folder: Path, port: int, options: str, version: str
) -> tuple[dict[str, Peer], str]:
    """Return primary and failover server, and our driver for them: this TLS or none."""
    paths = _certificates(folder)
    servers = {
        name: _tls_server(kind, folder, name, address, port, paths)
        for name, address in (("primary", PRIMARY), ("failover", FAILOVER))
    }
    tls = (
        f'tls(ca-file("{paths["ca"]}") cert-file("{paths["client-cert"]}") '
        f'key-file("{paths["client-key"]}") {version})'
    )
    driver = (
        f'network("{PRIMARY}" transport(tls) port({port}) {tls} {options} '
        f'failover(servers("{FAILOVER}") '
        "failback(tcp-probe-interval(0.2) successful-probes-required(3))))"
    )
    return servers, driver


@VERSIONS
@pytest.mark.parametrize("kind", ["rsyslog", "syslog-ng"])
async def test_mutual_tls_failover_and_failback_under_load_lose_nothing(
    kind: str, version: str, tmp_path: Path
) -> None:
    """
    The primary is away at first, comes, and goes again while messages flow.

    It is killed: what its kernel had acknowledged and it had not read is a gap at one
    place, before the first message that the other server then got.
    """
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    options = "backoff(initial(0.1) max(1))"
    servers, driver = _mutual_tls(kind, tmp_path, port, options, version)
    primary, failover = servers["primary"], servers["failover"]
    async with (
        contextlib.AsyncExitStack() as stack,
        failover,
        Daemon(_relay(input_port, port, driver), tmp_path) as daemon,
    ):
        await daemon.wait_for("Syslog connection established")
        arguments = ("-i", "-S", "-I", "12", "-r", "2000", "-s", "150")
        target = ("127.0.0.1", str(input_port))
        loading = asyncio.create_task(loggen(*arguments, *target))
        await failover.wait_for_lines(1000)
        await stack.enter_async_context(primary)
        await daemon.wait_for("Primary server seems to be stable", 20)
        await primary.wait_for_lines(1000)
        moved = _sequence(failover.lines())
        assert moved == list(range(len(moved)))
        assert _sequence(primary.lines())[0] == len(moved)  # nothing lost, none twice
        await primary.kill()
        await failover.wait_for_lines(len(moved) + 1000)
        count = await loading
        taken = _sequence(primary.lines())
        after = _sequence(failover.lines())[len(moved) :]
        async with asyncio.timeout(30):
            while not after or after[-1] < count - 1:
                await asyncio.sleep(0.1)
                after = _sequence(failover.lines())[len(moved) :]
        assert taken == list(range(len(moved), len(moved) + len(taken)))
        assert after == list(range(after[0], count))
        assert after[0] - taken[-1] - 1 < 500  # what lay unread in its kernel


@VERSIONS
@pytest.mark.parametrize("kind", ["rsyslog", "syslog-ng"])
async def test_mutual_tls_failover_and_failback_lose_nothing(
    kind: str, version: str, tmp_path: Path
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    servers, driver = _mutual_tls(kind, tmp_path, port, "time-reopen(0.3)", version)
    async with servers["primary"], servers["failover"]:
        await _wait_for_port(PRIMARY, port)
        await _wait_for_port(FAILOVER, port)
        async with Daemon(_relay(input_port, port, driver), tmp_path) as daemon:
            await daemon.wait_for("connection established")
            arguments = ("-i", "-S", "-n", "1000", "-r", "20000", "-s", "150")
            target = ("127.0.0.1", str(input_port))
            await loggen(*arguments, *target)
            await servers["primary"].wait_for_lines(1000)
            await servers["primary"].stop()
            await loggen(*arguments, *target)
            await servers["failover"].wait_for_lines(1000)
            await servers["primary"].start()
            await daemon.wait_for("Primary server seems to be stable", 20)
            await loggen(*arguments, *target)
            await servers["primary"].wait_for_lines(2000)
            assert _sequence(servers["failover"].lines()) == list(range(1000))


def _tls_server(
    kind: str,
    folder: Path,
    name: str,
    address: str,
    port: int,
    paths: dict[str, Path],
) -> Peer:
    if kind == "rsyslog":
        globals_ = (
            f'global(DefaultNetstreamDriverCAFile="{paths["ca"]}" '
            f'DefaultNetstreamDriverCertFile="{paths[f"{name}-cert"]}" '
            f'DefaultNetstreamDriverKeyFile="{paths[f"{name}-key"]}")'
        )
        return Rsyslog(folder, name, address, port, globals_)
    return SyslogNg(
        folder,
        name,
        f'network(ip("{address}") port({port}) transport(tls) '
        f'tls(ca-file("{paths["ca"]}") cert-file("{paths[f"{name}-cert"]}") '
        f'key-file("{paths[f"{name}-key"]}") peer-verify(required-trusted)))',
    )
