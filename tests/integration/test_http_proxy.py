"""``proxy()`` of ``http()``: proxies that speak HTTP or SOCKS."""

from __future__ import annotations

import ssl
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import trustme

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.socks import SocksProxy
from helpers.web import WebServer
from logferry.destinations.http import options as options_module
from logferry.errors import ConfigError

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        ("socks4", "127.0.0.1"),
        ("socks4a", "localhost"),
        ("socks5", "127.0.0.1"),
        ("socks5h", "localhost"),
    ],
)
async def test_socks_proxies_lead_to_servers_on_kept_connections(
    tmp_path: Path, scheme: str, asked: str
):
    async with SocksProxy() as proxy, WebServer("127.0.0.1") as server:
        options = (
            f'url("http://localhost:{server.port}/a") batch-lines(5) '
            f'proxy("{scheme}://127.0.0.1:{proxy.port}")'
        )
        async with HttpScene(tmp_path, options) as scene:
            for _ in range(3):
                scene.send(5)
                await scene.settled()
            assert not scene.log.lines()
        assert numbers(server.lines) == list(range(15))
        assert proxy.asked == [(asked, server.port)]
        assert server.requests[0].path == server.requests[1].path == "/a"


async def test_a_socks_proxy_gets_user_and_password(tmp_path: Path):
    async with SocksProxy(needs_password=True) as proxy:
        options = f'url("%0/") proxy("socks5://me:pa%20ss@127.0.0.1:{proxy.port}")'
        async with HttpScene(tmp_path, options, None) as scene:
            scene.send(1)
            await scene.settled()
        assert proxy.users == [(b"me", b"pa ss")]


async def test_tls_goes_through_a_socks_proxy(tmp_path: Path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with (
        SocksProxy() as proxy,
        WebServer("127.0.0.1", context=context) as server,
    ):
        options = (
            f'url("https://localhost:{server.port}/") batch-lines(5) '
            f'ca-file("{tmp_path}/ca.pem") '
            f'proxy("socks5h://127.0.0.1:{proxy.port}")'
        )
        async with HttpScene(tmp_path, options) as scene:
            for _ in range(2):
                scene.send(5)
                await scene.settled()
        assert numbers(server.lines) == list(range(10))
        assert server.connections == 1


async def test_a_proxy_that_refuses_or_is_gone_is_a_failure_and_no_more(tmp_path: Path):
    async with SocksProxy() as proxy:
        proxy.refuses = True
        options = (
            f'url("%0/") batch-lines(5) proxy("socks5://127.0.0.1:{proxy.port}") '
            "time-reopen(0.02)"
        )
        async with HttpScene(tmp_path, options, None) as scene:
            scene.send(5)
            await scene.until(lambda: "error sending" in "".join(scene.log.lines()))
            assert scene.queue.count == 5
            proxy.refuses = False
            await scene.settled()
            assert numbers(scene[0].lines) == list(range(5))
            await proxy.__aexit__()
            for worker in scene.destination._workers:
                await worker.close()
            scene.send(5)
            count = len(scene.log.lines())
            await scene.until(lambda: len(scene.log.lines()) > count)
            assert scene.queue.count == 5


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_the_proxy_of_the_environment_may_speak_socks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
):
    async with SocksProxy() as proxy:
        monkeypatch.setenv(variable, f"socks5://127.0.0.1:{proxy.port}")
        async with HttpScene(tmp_path, 'url("%0/") batch-lines(5)', None) as scene:
            scene.send(5)
            await scene.settled()
            assert proxy.asked == [("127.0.0.1", scene[0].port)]


async def test_a_proxy_without_scheme_speaks_http(tmp_path: Path):
    async with WebServer("127.0.0.1") as proxy:
        options = f'url("http://far.test/x") proxy("127.0.0.1:{proxy.port}")'
        async with HttpScene(tmp_path, options) as scene:
            scene.send(2)
            await scene.settled()
        assert [item.path for item in proxy.requests] == ["http://far.test/x"] * 2
        assert proxy.connections == 1


@pytest.mark.parametrize("proxy", ["ftp://x:1", "socks6://x:1"])
async def test_other_proxies_are_a_configuration_error(tmp_path: Path, proxy: str):
    with pytest.raises(ConfigError, match="cannot be used"):
        async with HttpScene(tmp_path, f'url("http://x/") proxy("{proxy}")'):
            pass


async def test_socks_without_its_package_is_a_configuration_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def nothing(_: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(options_module, "find_spec", nothing)
    with pytest.raises(ConfigError, match="needs the package aiohttp-socks"):
        async with HttpScene(tmp_path, 'url("http://x/") proxy("socks5://x:1")'):
            pass
