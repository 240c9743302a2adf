"""What requests of ``http()`` look like, on real sockets."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import ssl
import zlib
from pathlib import Path

import pytest
import trustme
import zstandard

from helpers.http_scene import HttpScene
from helpers.web import Request, Response, WebServer
from logferry.message.model import Monotonic
from logferry.policy.pool import Server

pytestmark = pytest.mark.integration

LINE = b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed"


async def sent(
    folder: Path, options: str, frames: list[bytes], response: Response | None = None
) -> list[Request]:
    """Deliver ``frames`` and return the requests."""
    answer = response or Response()
    async with HttpScene(folder, options, lambda _: answer) as scene:
        scene.push(frames)
        await scene.settled()
        return scene[0].requests


async def test_batches_have_prefix_delimiter_and_suffix(tmp_path: Path):
    options = (
        'url("%0/x") batch-lines(3) body-prefix("[") body-suffix("]") delimiter(",")'
    )
    frames = [b"<13>Oct 11 22:14:15 h a: m%d" % number for number in range(1, 7)]
    requests = await sent(tmp_path, options, frames)
    assert [item.body for item in requests] == [b"[m1,m2,m3]", b"[m4,m5,m6]"]
    assert {item.connection for item in requests} == {1}


async def test_the_default_request_is_that_of_the_reference(tmp_path: Path):
    (request,) = await sent(tmp_path, 'url("%0/path")', [LINE])
    assert (request.method, request.path) == ("POST", "/path")
    assert request.body == b"'su root' failed"
    headers = request.headers
    assert headers["user-agent"].startswith("logferry/")
    assert headers["accept"] == "*/*"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["content-length"] == "16"
    assert "expect" not in headers
    assert "authorization" not in headers
    assert "transfer-encoding" not in headers


async def test_single_messages_have_x_syslog_headers(tmp_path: Path):
    (request,) = await sent(tmp_path, 'url("%0/")', [LINE])
    found = {k: v for k, v in request.headers.items() if k.startswith("x-syslog")}
    assert found == {
        "x-syslog-host": "mymachine",
        "x-syslog-program": "su",
        "x-syslog-facility": "auth",
        "x-syslog-level": "crit",
    }


async def test_batches_have_no_x_syslog_headers(tmp_path: Path):
    (request,) = await sent(tmp_path, 'url("%0/") batch-lines(1)', [LINE])
    assert not [name for name in request.headers if name.startswith("x-syslog")]


async def test_single_messages_keep_their_order_whatever_their_headers(tmp_path: Path):
    frames = [
        b"<13>Oct 11 22:14:15 h%d a%d: %d" % (number % 3, number % 2, number)
        for number in range(30)
    ]
    requests = await sent(tmp_path, 'url("%0/$HOST")', frames)
    assert [item.body for item in requests] == [b"%d" % number for number in range(30)]
    assert [item.path for item in requests] == [f"/h{n % 3}" for n in range(30)]


async def test_headers_are_templates_and_empty_ones_are_left_out(tmp_path: Path):
    options = (
        'url("%0/") batch-lines(5) headers("X-Program: ${PROGRAM}" "X-None: ${NO}" '
        '"Content-Type: application/json" "user-agent: me")'
    )
    (request,) = await sent(tmp_path, options, [LINE])
    assert request.headers["x-program"] == "su"
    assert "x-none" not in request.headers
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "me"


async def test_a_header_cannot_be_split_by_a_message(tmp_path: Path):
    options = 'url("%0/") batch-lines(5) headers("X-M: ${MESSAGE}")'
    frames = [b"<13>Oct 11 22:14:15 h a: x\r\nX-Evil: 1"]
    (request,) = await sent(tmp_path, options, frames)
    assert request.headers["x-m"] == "x  X-Evil: 1"
    assert "x-evil" not in request.headers


async def test_method_put_and_user_agent(tmp_path: Path):
    options = 'url("%0/") method("PUT") user-agent("collector 7")'
    (request,) = await sent(tmp_path, options, [LINE])
    assert (request.method, request.headers["user-agent"]) == ("PUT", "collector 7")


@pytest.mark.parametrize(
    ("url", "options"),
    [("%0/", 'user("u") password("p:w")'), ("CREDENTIALS", "")],
)
async def test_basic_authentication(tmp_path: Path, url: str, options: str):
    async with WebServer("127.0.0.1") as server:
        if url == "CREDENTIALS":
            url = server.url.replace("//", "//u:p%3Aw@") + "/"
        else:
            url = server.url + "/"
        async with HttpScene(tmp_path, f'url("{url}") {options}') as scene:
            scene.push([LINE])
            await scene.settled()
            assert not any(
                "p:w" in line or "p%3Aw" in line for line in scene.log.lines()
            )
            described = str(scene.destination.describe(0.0))
            assert "p%3Aw" not in described
        (request,) = server.requests
        scheme, _, pair = request.headers["authorization"].partition(" ")
        assert (scheme, base64.b64decode(pair)) == ("Basic", b"u:p:w")


@pytest.mark.parametrize(
    ("name", "unpack"),
    [
        ("gzip", gzip.decompress),
        ("deflate", zlib.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompress(body)),
    ],
)
async def test_content_compression(tmp_path: Path, name: str, unpack):
    options = f'url("%0/") batch-lines(100) content-compression("{name}")'
    async with HttpScene(tmp_path, options, None) as scene:
        scene.push([b"<13>Oct 11 22:14:15 h a: " + b"a" * 300])
        await scene.settled()
        scene.push([b"<13>Oct 11 22:14:15 h a: r"])
        await scene.settled()
        long, short = scene[0].requests
        assert long.headers["content-encoding"] == name
        assert unpack(long.body) == b"a" * 300
        # What would grow is sent as it is, with its own length.
        assert "content-encoding" not in short.headers
        assert (short.body, short.headers["content-length"]) == (b"r", "1")


async def test_force_content_compression(tmp_path: Path):
    options = 'url("%0/") content-compression(gzip) force-content-compression(yes)'
    (request,) = await sent(tmp_path, options, [LINE])
    assert gzip.decompress(request.body) == b"'su root' failed"


@pytest.mark.parametrize(
    ("option", "value"),
    [("", "gzip, deflate"), ("accept-encoding(identity)", "identity")],
)
async def test_accept_encoding(tmp_path: Path, option: str, value: str):
    (request,) = await sent(tmp_path, f'url("%0/") {option}', [LINE])
    assert request.headers["accept-encoding"] == value


async def test_batch_bytes_is_a_limit_of_the_body(tmp_path: Path):
    options = 'url("%0/") batch-bytes(50) body-prefix("[") body-suffix("]")'
    frames = [b"<13>Oct 11 22:14:15 h a: %010d" % number for number in range(20)]
    requests = await sent(tmp_path, options, frames)
    assert {len(item.body) for item in requests} == {2 + 4 * 11 - 1}
    assert len(requests) == 5


async def test_batch_timeout_collects_what_comes_within_it(tmp_path: Path):
    options = 'url("%0/") batch-lines(100) batch-timeout(150)'
    async with HttpScene(tmp_path, options, None) as scene:
        for _ in range(3):
            scene.push([LINE])
            await asyncio.sleep(0.02)
        assert scene[0].requests == []
        await scene.settled()
        assert [item.body.count(b"failed") for item in scene[0].requests] == [3]


async def test_many_keys_without_a_timeout_make_batches_nevertheless(tmp_path: Path):
    options = (
        'url("%0/${HOST}") workers(2) batch-lines(100) worker-partition-key("$HOST")'
    )
    async with HttpScene(tmp_path, options, None) as scene:
        for _ in range(20):
            for host in range(50):
                scene.send(1, host=f"h{host}")
            await asyncio.sleep(0)
        await scene.settled()
        assert len(scene[0].lines) == 1000
        assert len(scene[0].requests) <= 200


async def test_an_overdue_batch_whose_key_is_busy_does_not_make_the_loop_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = (
        'url("%0/") workers(2) batch-lines(10) batch-timeout(10) '
        'worker-partition-key("$HOST")'
    )
    slow = Response(delay_s=0.5)
    async with HttpScene(tmp_path, options, lambda _: slow) as scene:
        timers = 0
        handle = scene.destination.balancer.handle_timer

        def counted(now: float) -> tuple[Server, ...]:
            nonlocal timers
            timers += 1
            return handle(now)

        monkeypatch.setattr(scene.destination.balancer, "handle_timer", counted)
        scene.send(13)
        await scene.settled()
        assert len(scene[0].requests) == 2
        assert timers < 20


async def test_bodies_are_not_cut_at_a_nul_byte(tmp_path: Path):
    options = 'url("%0/") batch-lines(5) delimiter("\\x00;")'
    requests = await sent(tmp_path, options, [LINE, LINE])
    assert requests[0].body == b"'su root' failed\x00;'su root' failed"


async def test_a_body_of_several_lines_is_one_record(tmp_path: Path):
    options = 'url("%0/") batch-lines(2) body("{}\\n$MSG")'
    frames = [b"<13>Oct 11 22:14:15 h a: m%d" % number for number in range(4)]
    requests = await sent(tmp_path, options, frames)
    assert [item.body for item in requests] == [b"{}\nm0\n{}\nm1", b"{}\nm2\n{}\nm3"]


async def test_redirects_are_followed_with_the_body_only_when_allowed(tmp_path: Path):
    def script(request: Request) -> Response:
        if request.path == "/old":
            return Response(301, headers={"Location": "/new"})
        return Response()

    options = 'url("%0/old") accept-redirects(yes)'
    async with HttpScene(tmp_path, options, script) as scene:
        scene.push([LINE])
        await scene.settled()
        assert [item.path for item in scene[0].requests] == ["/old", "/new"]
        assert scene[0].requests[1].body == b"'su root' failed"


async def test_redirects_are_a_failure_by_default(tmp_path: Path):
    redirect = Response(302, headers={"Location": "/new"})
    async with HttpScene(tmp_path, 'url("%0/old")', lambda _: redirect) as scene:
        scene.push([LINE])
        await scene[0].wait_for_requests(1)
        await asyncio.sleep(0.05)
        assert scene.queue.count == 1
        assert [item.path for item in scene[0].requests] == ["/old"]


async def test_the_batch_id_is_the_same_when_a_batch_is_sent_again(tmp_path: Path):
    refused = iter([Response(503)])
    options = 'url("%0/" "%1/") workers(2) persist-name("p") batch-lines(3) batch-id-header("X-Batch")'

    def script(_: Request) -> Response:
        return next(refused, Response())

    async with HttpScene(tmp_path, options, script, script) as scene:
        scene.send(3)
        await scene.settled()
        scene.send(3)
        await scene.settled()
        requests = [*scene[0].requests, *scene[1].requests]
        ids = {}
        for request in requests:
            ids.setdefault(request.body, set()).add(request.headers["x-batch"])
        assert len(requests) == 3
        assert all(len(found) == 1 for found in ids.values())
        assert len(set.union(*ids.values())) == 2


async def test_connections_are_not_kept_beyond_their_age(tmp_path: Path):
    async with HttpScene(tmp_path, 'url("%0/") connection-age(0.1)', None) as scene:
        for _ in range(4):
            scene.push([LINE])
            await scene.settled()
        assert scene[0].connections == 1
        await asyncio.sleep(0.12)
        for _ in range(2):
            scene.push([LINE])
            await scene.settled()
        assert scene[0].connections == 2


async def test_a_proxy_is_asked_for_the_whole_url(tmp_path: Path):
    async with HttpScene(
        tmp_path, 'url("http://nowhere.invalid/x") proxy("%0")', None
    ) as scene:
        scene.push([LINE])
        await scene.settled()
        assert scene[0].requests[0].path == "http://nowhere.invalid/x"


async def test_an_ipv6_address_in_brackets(tmp_path: Path):
    async with WebServer("::1") as server:
        options = f'url("http://[::1]:{server.port}/x?$HOST")'
        async with HttpScene(tmp_path, options) as scene:
            scene.push([LINE])
            await scene.settled()
        assert server.requests[0].path == "/x?mymachine"
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


async def test_throttle_limits_messages_each_second(tmp_path: Path):
    options = 'url("%0/") batch-lines(100) throttle(100)'
    async with HttpScene(tmp_path, options, None) as scene:
        scene.send(150)
        started = asyncio.get_running_loop().time()
        await scene.settled()
        assert asyncio.get_running_loop().time() - started >= 0.4
        assert sum(item.body.count(b"number") for item in scene[0].requests) == 150


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TlsScene:
    """A TLS server that may demand a client certificate, and files for options."""

    def __init__(self, folder: Path, authority: trustme.CA, *, demands: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        if demands:
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        self.server = WebServer("127.0.0.1", context=context)
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        client = authority.issue_cert("client@example.org")
        self.key = folder / "key.pem"
        client.private_key_pem.write_to_path(self.key)
        self.cert = folder / "cert.pem"
        client.cert_chain_pems[0].write_to_path(self.cert)


@pytest.mark.parametrize("is_block", [True, False])
async def test_tls_with_client_certificate(
    tmp_path: Path, authority: trustme.CA, is_block: bool
):
    tls = TlsScene(tmp_path, authority, demands=True)
    files = f'ca-file("{tls.ca}") cert-file("{tls.cert}") key-file("{tls.key}")'
    async with tls.server:
        options = f"tls({files})" if is_block else files
        async with HttpScene(tmp_path, f'url("{tls.server.url}/") {options}') as scene:
            scene.push([LINE])
            await scene.settled()
        assert len(tls.server.requests) == 1


async def test_an_unknown_certificate_is_a_failure_unless_not_verified(
    tmp_path: Path, authority: trustme.CA
):
    tls = TlsScene(tmp_path, authority, demands=False)
    async with tls.server:
        url = tls.server.url
        async with HttpScene(tmp_path, f'url("{url}/")') as scene:
            scene.push([LINE])
            await asyncio.sleep(0.1)
            assert scene.queue.count == 1
            assert any("certificate" in line.lower() for line in scene.log.lines())
        async with HttpScene(tmp_path, f'url("{url}/") peer-verify(no)') as scene:
            scene.push([LINE])
            await scene.settled()
        assert len(tls.server.requests) == 1


async def test_a_batch_that_becomes_due_between_two_looks_at_the_clock_goes(
    tmp_path: Path,
):
    scene = HttpScene(tmp_path, 'url("%0/") batch-lines(100) batch-timeout(150)', None)
    hours = itertools.count(0.0, 0.2)  # a look takes longer than the batch's time
    scene.environment.clock = lambda: Monotonic(next(hours))
    async with scene:
        scene.send(3)
        await scene.settled()
    assert len(scene[0].requests) == 1
