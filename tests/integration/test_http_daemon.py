"""``http()`` in the real daemon: disk buffer, kill -9, reload, dead letters by ctl."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from helpers.collector import Sender, numbers
from helpers.daemon import Daemon, free_port
from helpers.web import Request, Response, WebServer

pytestmark = pytest.mark.integration


def site(port: int, options: str, flags: str = "flow-control") -> str:
    return f"""
    source s {{ network(ip("127.0.0.1") port({port}) keep-hostname(yes)); }};
    destination d {{ http({options} persist-name("p") batch-lines(50)); }};
    log {{ source(s); destination(d); flags({flags}); }};
    """


async def test_a_reliable_disk_buffer_survives_kill_9(tmp_path: Path):
    async with WebServer("127.0.0.1", lambda _: Response(503)) as server:
        port = free_port("127.0.0.1")
        options = (
            f'url("{server.url}/$HOST") workers(2) time-reopen(0.2) '
            "disk-buffer(reliable(yes) capacity-bytes(64M))"
        )
        daemon = Daemon(site(port, options), tmp_path)
        await daemon.start()
        async with Sender("127.0.0.1", port) as sender:
            await sender.send(500)
            await server.wait_for_requests(1)
            await asyncio.sleep(0.5)
        await daemon.kill()
        server.script = lambda _: Response()
        daemon = Daemon(site(port, options), tmp_path)
        await daemon.start()
        await server.wait_for_lines(500)
        assert sorted(set(numbers(server.lines))) == list(range(500))
        assert {item.path for item in server.requests} == {"/h"}
        assert await daemon.stop() == 0


async def test_a_reload_moves_what_is_queued_to_the_new_urls(tmp_path: Path):
    async with (
        WebServer("127.0.0.1", lambda _: Response(503)) as old,
        WebServer("127.0.0.1") as new,
    ):
        port = free_port("127.0.0.1")
        daemon = Daemon(site(port, f'url("{old.url}/") time-reopen(60)'), tmp_path)
        async with daemon, Sender("127.0.0.1", port) as sender:
            await sender.send(200)
            await old.wait_for_requests(1)
            daemon.config.write_text(
                "@version: 4.27\n" + site(port, f'url("{new.url}/") time-reopen(60)')
            )
            answer = await daemon.ctl("RELOAD")
            assert answer.startswith("OK"), answer
            await new.wait_for_lines(200)
            assert numbers(new.lines) == list(range(200))


async def test_a_reload_of_the_same_configuration_keeps_the_connections(tmp_path: Path):
    async with WebServer("127.0.0.1") as server:
        port = free_port("127.0.0.1")
        async with (
            Daemon(site(port, f'url("{server.url}/")'), tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(10)
            await server.wait_for_lines(10)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sender.send(10)
            await server.wait_for_lines(20)
            assert server.connections == 1


async def test_stop_delivers_what_is_queued(tmp_path: Path):
    async with WebServer("127.0.0.1", lambda _: Response(delay_s=0.01)) as server:
        port = free_port("127.0.0.1")
        text = site(port, f'url("{server.url}/") workers(2)')
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(1000)
            async with asyncio.timeout(30):
                while "processed;1000" not in await daemon.ctl("STATS"):
                    await asyncio.sleep(0.01)
        assert daemon.returncode == 0
        assert sorted(numbers(server.lines)) == list(range(1000))


async def test_statistics_have_the_reference_names(tmp_path: Path):
    def script(request: Request) -> Response:
        return Response(400 if b"number 000003" in request.body else 200)

    async with WebServer("127.0.0.1", script) as server:
        port = free_port("127.0.0.1")
        text = "options { stats(level(2)); };" + site(port, f'url("{server.url}/x")')
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(10)
            await server.wait_for_lines(9)
            await daemon.wait_for("moved to the dead letters")
            found = await daemon.ctl("STATS", "PROMETHEUS")
        labels = f'driver="http",id="d#0",url="{server.url}/x"'
        for line in (
            f'syslogng_output_events_total{{{labels},result="delivered"}} 9',
            f'syslogng_output_events_total{{{labels},result="dropped"}} 0',
            f"syslogng_output_unreachable{{{labels}}} 0",
            f"syslogng_output_workers{{{labels}}} 1",
        ):
            assert line in found, found
        assert 'response_code="400"' in found
        csv = [line for line in found.splitlines() if "output_target_up" in line]
        assert len(csv) == 1
