"""``http()`` and Debian's nginx: a web server that nobody here wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from helpers.collector import numbers
from helpers.daemon import free_port
from helpers.http_scene import HttpScene
from helpers.peers import environment, require
from helpers.web import Response, WebServer

pytestmark = [pytest.mark.integration, pytest.mark.peers]


class Nginx:
    """One nginx with a path for each behaviour; bodies of ``/ok`` are in a file."""

    def __init__(self, folder: Path, slow_port: int = 1) -> None:
        self.folder = folder / "nginx"
        self.folder.mkdir(exist_ok=True)
        self.port = free_port("127.0.0.1")
        self.tls_port = free_port("127.0.0.1")
        self.sink_port = free_port("127.0.0.1")
        self.slow_port = slow_port
        self._process: asyncio.subprocess.Process | None = None
        self._write_certificates()

    def _write_certificates(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        for name in ("127.0.0.1", "client@example.org"):
            leaf = authority.issue_cert(name)
            stem = "server" if name[0] == "1" else "client"
            leaf.private_key_pem.write_to_path(self.folder / f"{stem}.key")
            leaf.cert_chain_pems[0].write_to_path(self.folder / f"{stem}.pem")
        (self.folder / "users").write_text("u:{PLAIN}secret\n")

    @property
    def bodies(self) -> list[bytes]:
        """The lines that ``/ok`` and its like have taken."""
        path = self.folder / "bodies.log"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [line for line in lines if line]  # a refused request logs an empty body

    async def taken(self, count: int) -> list[bytes]:
        """Return the lines taken; nginx writes them only after its answer."""
        for _ in range(500):
            if len(self.bodies) >= count:
                break
            await asyncio.sleep(0.01)
        return self.bodies

    def _configuration(self) -> str:
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        take = (
            f"access_log bodies.log body; proxy_pass http://127.0.0.1:{self.sink_port};"
        )
        return f"""
        daemon off; master_process off; pid nginx.pid; error_log error.log;
        events {{ }}
        http {{
            {temporary}
            log_format body escape=none '$request_body';
            access_log off;
            client_body_buffer_size 1m; client_body_in_single_buffer on;
            server {{ listen 127.0.0.1:{self.sink_port}; return 200; }}
            server {{
                listen 127.0.0.1:{self.port};
                location /ok {{ {take} }}
                location /tired {{ keepalive_requests 3; {take} }}
                location /closing {{ keepalive_timeout 0; {take} }}
                location /hasty {{ keepalive_timeout 5ms; {take} }}
                location /down {{ return 503; }}
                location /small {{ client_max_body_size 100; {take} }}
                location /medium {{ client_max_body_size 100k; {take} }}
                location /slow {{ proxy_pass http://127.0.0.1:{self.slow_port}; }}
                location /auth {{
                    auth_basic "logs"; auth_basic_user_file {self.folder}/users; {take}
                }}
            }}
            server {{
                listen 127.0.0.1:{self.tls_port} ssl;
                ssl_certificate {self.folder}/server.pem;
                ssl_certificate_key {self.folder}/server.key;
                ssl_client_certificate {self.folder}/ca.pem;
                ssl_verify_client on;
                location / {{ {take} }}
            }}
        }}
        """

    async def __aenter__(self) -> Nginx:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        binary = require("usr/sbin/nginx")
        config = self.folder / "nginx.conf"
        config.write_text(self._configuration())
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            *("-p", str(self.folder), "-c", str(config), "-e", "error.log"),
            env=environment(),
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while True:
                assert self._process.returncode is None
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return

    async def stop(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def url(self, path: str) -> str:
        """Return the URL of one behaviour."""
        return f"http://127.0.0.1:{self.port}/{path}"


async def test_everything_arrives_on_kept_connections(tmp_path: Path):
    async with (
        Nginx(tmp_path) as nginx,
        HttpScene(tmp_path, f'url("{nginx.url("ok")}") batch-lines(100)') as scene,
    ):
        scene.send(5000)
        await scene.settled()
        assert numbers(await nginx.taken(5000)) == list(range(5000))


@pytest.mark.parametrize("path", ["tired", "closing", "hasty"])
async def test_connections_that_nginx_ends_are_no_failures(tmp_path: Path, path: str):
    async with (
        Nginx(tmp_path) as nginx,
        HttpScene(
            tmp_path,
            f'url("{nginx.url(path)}") batch-lines(10) workers(2) time-reopen(60)',
        ) as scene,
    ):
        for round_ in range(30):
            scene.send(20)
            await scene.settled()
            await asyncio.sleep(0.001 * (round_ % 8))  # around the five milliseconds
        assert not scene.log.lines()
        assert sorted(numbers(await nginx.taken(600))) == list(range(600))


async def test_503_fails_over(tmp_path: Path):
    async with Nginx(tmp_path) as nginx:
        options = (
            f'url("{nginx.url("down")}" "{nginx.url("ok")}") persist-name("p") '
            "workers(2) batch-lines(50) time-reopen(60)"
        )
        async with HttpScene(tmp_path, options) as scene:
            scene.send(1000)
            await scene.settled()
            assert sorted(numbers(await nginx.taken(1000))) == list(range(1000))


async def test_too_large_batches_are_halved_until_they_fit(tmp_path: Path):
    async with Nginx(tmp_path) as nginx:
        options = f'url("{nginx.url("small")}") batch-lines(64) time-reopen(60)'
        async with HttpScene(tmp_path, options) as scene:
            scene.send(640)
            await scene.settled()
            assert numbers(await nginx.taken(640)) == list(range(640))
            assert scene.letters == []


async def test_a_batch_of_a_megabyte_gets_its_413_too(tmp_path: Path):
    # The server answers and closes while most of the body is still on its way.
    async with Nginx(tmp_path) as nginx:
        options = f'url("{nginx.url("medium")}") batch-lines(5000) time-reopen(60)'
        async with HttpScene(tmp_path, options) as scene:
            scene.push(
                [
                    b"<13>Nov 21 12:00:00 h app: number %06d %b" % (n, b"x" * 1000)
                    for n in range(5000)
                ]
            )
            await scene.settled(20)
            taken = [line.split()[1] for line in await nginx.taken(5000)]
            assert sorted(map(int, taken)) == list(range(5000))
            assert not any("target failed" in line for line in scene.log.lines())


async def test_a_kept_connection_hears_of_413_while_it_still_writes(tmp_path: Path):
    options = "batch-lines(10) batch-bytes(100MB) time-reopen(60) log-fifo-size(100)"
    async with (
        Nginx(tmp_path) as nginx,
        HttpScene(tmp_path, f'url("{nginx.url("medium")}") {options}') as scene,
    ):
        scene.send(10)
        await scene.settled()
        giant = b"<13>Nov 21 12:00:00 h a: " + b"x" * 30_000_000
        scene.push([giant])
        await scene.settled(20)
        (letter,) = scene.letters
        assert letter.response.startswith("413")
        scene.send(10)
        await scene.settled()
        assert len(await nginx.taken(20)) == 20


async def test_a_message_that_is_too_large_alone_becomes_a_dead_letter(tmp_path: Path):
    async with Nginx(tmp_path) as nginx:
        options = f'url("{nginx.url("small")}") batch-lines(64) time-reopen(60)'
        async with HttpScene(tmp_path, options) as scene:
            scene.send(10)
            scene.push([b"<13>Nov 21 12:00:00 h app: " + b"x" * 101])
            scene.send(10)
            await scene.settled()
            assert numbers(await nginx.taken(20)) == list(range(20))
            (letter,) = scene.letters
            assert letter.payload == b"x" * 101
            assert letter.response.startswith("413 ")


async def test_a_slow_server_is_left_after_the_timeout(tmp_path: Path):
    slow = WebServer("127.0.0.1", lambda _: Response(delay_s=30))
    async with slow, Nginx(tmp_path, slow.port) as nginx:
        options = (
            f'url("{nginx.url("slow")}" "{nginx.url("ok")}") persist-name("p") '
            "workers(2) batch-lines(50) timeout(0.3) time-reopen(60)"
        )
        async with HttpScene(tmp_path, options) as scene:
            scene.send(100)
            await scene.settled(5)
            assert sorted(numbers(await nginx.taken(100))) == list(range(100))


async def test_tls_with_client_certificate(tmp_path: Path):
    async with Nginx(tmp_path) as nginx:
        files = " ".join(
            f'{option}-file("{nginx.folder}/{name}")'
            for option, name in (
                ("ca", "ca.pem"),
                ("cert", "client.pem"),
                ("key", "client.key"),
            )
        )
        url = f"https://127.0.0.1:{nginx.tls_port}/"
        options = f'url("{url}") tls({files}) batch-lines(10)'
        async with HttpScene(tmp_path, options) as scene:
            scene.send(100)
            await scene.settled()
            assert numbers(await nginx.taken(100)) == list(range(100))


@pytest.mark.parametrize(("password", "taken"), [("secret", 20), ("wrong", 0)])
async def test_basic_authentication(tmp_path: Path, password: str, taken: int):
    async with Nginx(tmp_path) as nginx:
        options = (
            f'url("{nginx.url("auth")}") user("u") password("{password}") '
            "batch-lines(10) time-reopen(60)"
        )
        async with HttpScene(tmp_path, options) as scene:
            scene.send(20)
            if taken:
                await scene.settled()
            else:
                await asyncio.sleep(0.3)
                assert any("status_code='401'" in line for line in scene.log.lines())
            assert len(await nginx.taken(taken)) == taken
            assert scene.queue.count == 20 - taken


async def test_nothing_is_lost_when_nginx_is_killed_and_comes_back(tmp_path: Path):
    # nginx writes its log after the answer; so what counts is what stands behind it.
    async with WebServer("127.0.0.1") as behind, Nginx(tmp_path, behind.port) as nginx:
        options = (
            f'url("{nginx.url("slow")}") batch-lines(20) time-reopen(0.05) workers(2)'
        )
        async with HttpScene(tmp_path, options) as scene:
            for _ in range(3):
                scene.send(500)
                await asyncio.sleep(0.02)
                await nginx.stop()
                scene.send(500)
                await asyncio.sleep(0.05)
                await nginx.start()
            await scene.settled()
            assert set(numbers(behind.lines)) == set(range(3000))
