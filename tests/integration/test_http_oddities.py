"""Servers and networks that do what nobody expects of them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import resource
import socket
import time
import tracemalloc
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.web import Fault, Request, Response
from logferry.destinations.http import session
from logferry.destinations.http.session import BODY_KEPT_BYTES
from logferry.message.model import UnixNanos

pytestmark = pytest.mark.integration

PAIR = 'url("%0/" "%1/") persist-name("p") workers(2) batch-lines(10)'


def later(answer: bytes | Response) -> object:
    """Answer the first request as usual, so that the second one is on a kept one."""
    count = 0

    def script(_: Request) -> Response | bytes:
        nonlocal count
        count += 1
        return answer if count == 2 else Response()

    return script


async def test_later_requests_are_the_same_as_the_first_on_a_connection(
    tmp_path: Path,
):
    options = (
        'url("http://u:p@%h/päth/${HOST}?q=a b&c=%20#f") batch-lines(5) '
        'headers("X-Team: größe" "X-Empty: " "X-Two: 1" "X-Two: 2") persist-name("p")'
    )
    async with HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene:
        await scene.close()
        await scene.open(options.replace("%h", scene[0].url.removeprefix("http://")))
        for _ in range(3):
            scene.send(5, host="web 1/x")
            await scene.settled()
        first, second, third = scene[0].requests
        assert scene[0].connections == 1
        assert list(first.headers.items()) == list(second.headers.items())
        assert first.path == second.path == third.path
        assert first.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        ),
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5;x=y\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n"
        ),
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nfour",
    ],
)
async def test_unusual_answers_are_answers(tmp_path: Path, answer: bytes):
    script = later(answer)
    options = 'url("%0/") batch-lines(5) time-reopen(60)'
    async with HttpScene(tmp_path, options, script) as scene:
        for _ in range(3):
            scene.send(5)
            await scene.settled()
        assert [request.body.count(b"number") for request in scene[0].requests] == [
            5,
            5,
            5,
        ]
        assert not scene.log.lines()
        assert not any("cookie" in item.headers for item in scene[0].requests)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
async def test_what_is_no_answer_fails_over_and_loses_nothing(
    tmp_path: Path, answer: bytes
):
    async with HttpScene(
        tmp_path, PAIR + " time-reopen(60)", lambda _: answer, None
    ) as scene:
        scene.send(40)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(40))
        assert any("target failed" in line for line in scene.log.lines())


async def test_words_that_nobody_asked_for_are_not_the_next_answer(tmp_path: Path):
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2
    count = 0

    def script(_: Request) -> Response | bytes:
        nonlocal count
        count += 1
        return twice if count == 2 else Response(503 if count == 3 else 200)

    options = 'url("%0/") batch-lines(5) time-reopen(0.05)'
    async with HttpScene(tmp_path, options, script) as scene:
        for _ in range(3):
            scene.send(5)
            await scene.settled()
        # The second 200 must not have been taken for the answer to the third request.
        assert len(scene[0].requests) == 4
        assert scene[0].requests[2].body == scene[0].requests[3].body


async def test_a_bomb_in_gzip_is_unpacked_no_further_than_what_is_kept(tmp_path: Path):
    bomb = gzip.compress(bytes(200_000_000), 9)
    answer = Response(503, bomb, {"Content-Encoding": "gzip"})
    answers = iter([Response(), answer, answer])
    options = 'url("%0/") batch-lines(5) time-reopen(0.02)'
    async with HttpScene(
        tmp_path, options, lambda _: next(answers, Response())
    ) as scene:
        scene.send(5)
        await scene.settled()
        tracemalloc.start()
        scene.send(5)
        await scene.settled()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000_000
        assert scene.queue.ledger.delivered == 10


async def test_an_answer_in_gzip_is_read_for_logs(tmp_path: Path):
    body = gzip.compress(b"no more of this" + b" please" * 1000)
    answers = iter([Response(503, body, {"Content-Encoding": "gzip"})])
    options = 'url("%0/") batch-lines(5) time-reopen(0.02)'
    async with HttpScene(
        tmp_path, options, lambda _: next(answers, Response())
    ) as scene:
        scene.send(5)
        await scene.settled()
        (line,) = [line for line in scene.log.lines() if "5XX" in line]
        assert "no more of this please" in line
        assert len(line) < BODY_KEPT_BYTES


async def test_redirects_that_go_round_end(tmp_path: Path):
    def script(_: Request) -> Response:
        return Response(302, headers={"Location": "/again"})

    options = PAIR + " accept-redirects(yes) time-reopen(60)"
    async with HttpScene(tmp_path, options, script, None) as scene:
        scene.send(10)
        await scene.settled()
        assert numbers(scene[1].lines) == list(range(10))
        assert len(scene[0].requests) in {0, 4}  # whom the worker asked first


@pytest.mark.parametrize("location", ["ftp://x/", "http://", "//[", "javascript:1"])
async def test_redirects_to_nowhere_are_a_failure(tmp_path: Path, location: str):
    options = PAIR + " accept-redirects(yes) time-reopen(60)"
    answer = Response(302, headers={"Location": location})
    async with HttpScene(tmp_path, options, lambda _: answer, None) as scene:
        scene.send(40)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(40))


async def test_a_redirect_to_another_host_takes_no_credentials_along(tmp_path: Path):
    options = (
        'url("%0/a") batch-lines(5) accept-redirects(yes) user("u") password("p") '
        'headers("Cookie: secret" "X-Team: a")'
    )
    async with HttpScene(tmp_path, options, None, None) as scene:
        there = Response(307, headers={"Location": f"{scene[1].url}/b"})
        here = Response(307, headers={"Location": "/b"})
        answers = iter([here, Response(), there])
        scene[0].script = lambda _: next(answers)
        for _ in range(2):
            scene.send(5)
            await scene.settled()
        same = scene[0].requests[1]
        assert same.path == "/b"
        assert same.headers["authorization"]
        assert same.headers["cookie"] == "secret"
        (other,) = scene[1].requests
        assert other.path == "/b"
        assert other.headers["x-team"] == "a"
        assert not {"authorization", "cookie"} & other.headers.keys()
        assert other.body.count(b"number") == 5


async def test_redirects_to_ever_new_hosts_keep_a_bounded_number_of_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "_ORIGINS_MAX", 5)
    number = 0

    def script(request: Request) -> Response:
        nonlocal number
        if request.path != "/a":
            return Response()
        number += 1
        there = f"http://127.0.0.{number + 1}:{scene[0].port}/b"
        return Response(307, headers={"Location": there})

    scene = HttpScene(tmp_path, 'url("%0/a") accept-redirects(yes)', script)
    scene.servers[0].address = "0.0.0.0"
    async with scene:
        for _ in range(30):
            scene.send(1)
            await scene.settled()
            (worker,) = scene.destination._workers
            assert len(worker._session._kept) <= 7
        assert len({item.headers["host"] for item in scene[0].requests}) == 31


async def test_a_template_cannot_inject_headers_or_another_url(tmp_path: Path):
    options = (
        'url("%0/x/${PROGRAM}?p=${MESSAGE}") headers("X-A: ${MESSAGE}") batch-lines(5)'
    )
    nasty = "a\r\nX-Evil: 1\r\n\r\nGET /../?#@evil/ \x00é"
    async with HttpScene(tmp_path, options, None) as scene:
        for _ in range(2):
            scene.push([b"<13>Nov 21 12:00:00 h a/../b: " + nasty.encode()])
            await scene.settled()
        first, second = scene[0].requests
        assert first.path == second.path
        assert first.path.startswith("/x/a%2F..%2Fb?p=a%0D%0AX-Evil")
        assert "x-evil" not in first.headers
        assert list(first.headers.items()) == list(second.headers.items())


async def test_ten_thousand_urls_need_few_connections_and_little_memory(
    tmp_path: Path,
):
    options = (
        'url("%0/${HOST}") workers(4) batch-lines(100) worker-partition-key("$HOST") '
        "log-fifo-size(20000)"
    )
    async with HttpScene(tmp_path, options, None) as scene:
        for number in range(10_000):
            scene.send(1, host=f"host{number}")
        await scene.settled(60)
        assert len({request.path for request in scene[0].requests}) == 10_000
        assert scene[0].connections <= 4
        cache = scene.destination._shared.requests.prepared.cache_info()
        assert cache.currsize <= 4096
        assert not scene.destination._groups
        assert not scene.destination._batching.held_count


async def test_a_message_above_batch_bytes_travels_alone(tmp_path: Path):
    async with HttpScene(
        tmp_path, 'url("%0/") batch-lines(100) batch-bytes(1000)', None
    ) as scene:
        big = b"<13>Nov 21 12:00:00 h a: " + b"x" * 50_000
        small = b"<13>Nov 21 12:00:00 h a: small"
        scene.push([small, big, small])
        await scene.settled()
        bodies = [request.body for request in scene[0].requests]
        assert [len(body) for body in bodies] == [5, 50_000, 5]


async def test_an_empty_body_is_a_request_too(tmp_path: Path):
    for options in ('url("%0/") body("")', 'url("%0/") body("${.none}")'):
        async with HttpScene(tmp_path, options, None) as scene:
            for _ in range(2):
                scene.send(1)
                await scene.settled()
            assert [item.body for item in scene[0].requests] == [b"", b""]
            assert scene[0].requests[1].headers["content-length"] == "0"
            assert scene.queue.ledger.delivered == 2


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Let the process run out of file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - numbers
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_file_descriptors_messages_wait(tmp_path: Path):
    options = 'url("%0/") workers(2) batch-lines(5) time-reopen(0.05)'
    async with HttpScene(tmp_path, options, None) as scene:
        with no_more_files():
            scene.send(20)
            async with asyncio.timeout(30):
                while not any("Too many open files" in x for x in scene.log.lines()):
                    await asyncio.sleep(0.01)
            assert scene.queue.count == 20
        await scene.settled()
        assert sorted(numbers(scene[0].lines)) == list(range(20))


async def test_a_name_with_several_addresses_is_tried_at_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as closed:
        closed.bind(("127.0.0.9", 0))  # nobody listens there
        async with HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene:
            await scene.close()
            loop = asyncio.get_running_loop()
            resolve = loop.getaddrinfo

            async def several(host: object, port: int, **options: int) -> object:
                if host != "several.test":
                    return await resolve(host, port, **options)
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, (item, port)) for item in ("127.0.0.9", "127.0.0.1")]

            monkeypatch.setattr(loop, "getaddrinfo", several, raising=False)
            await scene.open(
                f'url("http://several.test:{scene[0].port}/") batch-lines(5) '
                'persist-name("p")'
            )
            for _ in range(4):
                scene.send(5)
                await scene.settled()
            assert numbers(scene[0].lines) == list(range(20))
            assert not scene.log.lines()


async def test_a_name_that_is_lost_later_costs_nothing_while_the_connection_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene:
        await scene.close()
        await scene.open(
            f'url("http://localhost:{scene[0].port}/") batch-lines(5) time-reopen(0.05) '
            'persist-name("p")'
        )
        scene.send(5)
        await scene.settled()

        async def lost(*_: object, **__: object) -> object:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", lost, raising=False)
        scene.send(5)
        await scene.settled()
        assert not scene.log.lines()
        for worker in scene.destination._workers:
            await worker.close()
        scene.send(5)
        async with asyncio.timeout(30):
            while not any("error sending" in line for line in scene.log.lines()):
                await asyncio.sleep(0.01)
        monkeypatch.undo()
        await scene.settled()
        assert numbers(scene[0].lines) == list(range(15))


@pytest.mark.parametrize(
    "value",
    ["999999999999999999999999", "-5", "soon", "Sun, 99 Foo 20", "Inf", "1e400", ""],
)
async def test_absurd_values_of_retry_after_do_not_stop_anything(
    tmp_path: Path, value: str
):
    answer = Response(503, headers={"Retry-After": value})
    async with HttpScene(tmp_path, PAIR, lambda _: answer, None) as scene:
        scene.send(40)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(40))
        now = scene.environment.clock()
        report = scene.destination.balancer.report(now)[0]
        assert report.retry_at is None or report.retry_at - now <= 3600


async def test_a_server_that_stalls_in_the_answer_is_left(tmp_path: Path):
    count = 0

    def script(_: Request) -> Response | Fault:
        nonlocal count
        count += 1
        return Fault.STALL_MID_BODY if count == 2 else Response()

    options = 'url("%0/") batch-lines(5) timeout(0.2) time-reopen(0.02)'
    async with HttpScene(tmp_path, options, script) as scene:
        for _ in range(3):
            scene.send(5)
            await scene.settled()
        assert len(scene[0].requests) == 4
        assert scene[0].connections == 2
        assert any("no answer in 0.2 s" in line for line in scene.log.lines())


@pytest.mark.parametrize("jump_s", [-1e9, -30, 30, 1e9])
async def test_a_wall_clock_that_jumps_keeps_no_target_out(
    tmp_path: Path, jump_s: float
):
    options = PAIR + " time-reopen(0.3)"
    answers = {"now": Response(503)}
    async with HttpScene(tmp_path, options, lambda _: answers["now"], None) as scene:
        scene.send(40)
        await scene.settled()
        await scene.close()
        now = scene.environment.now
        scene.environment.now = lambda: UnixNanos(now() + int(jump_s * 1e9))
        answers["now"] = Response()
        await scene.open(options)
        started = scene.environment.clock()
        await asyncio.sleep(0.35)
        scene.send(100)
        await scene.settled()
        scene.send(100)
        await scene.settled()
        assert scene.environment.clock() - started < 5
        assert len(scene[0].accepted) >= 5
        assert sorted(numbers(scene[0].lines + scene[1].lines)) == list(range(240))


async def test_a_date_in_retry_after_counts_from_our_wall_clock(tmp_path: Path):
    date = formatdate(time.time() + 20, usegmt=True)
    answer = Response(429, headers={"Retry-After": date})
    async with HttpScene(tmp_path, PAIR, lambda _: answer, None) as scene:
        scene.send(40)
        await scene.settled()
        now = scene.environment.clock()
        report = scene.destination.balancer.report(now)[0]
        assert report.retry_at is not None
        assert 15 < report.retry_at - now <= 21
