"""Targets as objects, health checks, order, drain: beyond the document."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.daemon import Daemon
from helpers.http_scene import HttpScene
from helpers.web import Fault, Request, Response, WebServer
from logferry.policy.health import Fitness

pytestmark = pytest.mark.integration


def fitness(scene: HttpScene) -> list[Fitness]:
    now = scene.environment.clock()
    return [item.fitness for item in scene.destination.balancer.report(now)]


async def wait_until(condition, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def test_weights_are_shares(tmp_path: Path):
    options = (
        'target("%0/" weight(3)) target("%1/") persist-name("p") batch-lines(10) '
        "balance(weighted) workers(4)"
    )
    async with HttpScene(tmp_path, options, None, None) as scene:
        scene.send(4000)
        await scene.settled()
        shares = [len(server.requests) for server in scene.servers]
        assert shares == [300, 100]


async def test_targets_have_timeouts_and_headers_of_their_own(tmp_path: Path):
    options = (
        'target("%0/" timeout(0.1) headers("X-Team: a")) target("%1/") '
        'persist-name("p") workers(2) headers("X-All: 1") time-reopen(60)'
    )
    async with HttpScene(tmp_path, options, lambda _: Fault.STALL, None) as scene:
        scene.send(2)
        await scene.settled(3)
        assert scene[0].requests[0].headers["x-team"] == "a"
        assert scene[0].requests[0].headers["x-all"] == "1"
        assert "x-team" not in scene[1].requests[0].headers
        assert scene.environment.clock() > 0


async def test_a_higher_tier_is_used_while_the_lower_is_gone(tmp_path: Path):
    options = (
        'target("%0/") target("%1/" tier(2)) persist-name("p") workers(2) '
        "batch-lines(10) time-reopen(0.1)"
    )
    async with HttpScene(tmp_path, options, None, None) as scene:
        scene.send(100)
        await scene.settled()
        assert scene[1].requests == []
        scene[0].script = lambda _: Response(500)
        scene.send(100)
        await scene.settled()
        assert len(scene[1].requests) >= 9
        scene[0].script = lambda _: Response()
        await asyncio.sleep(0.12)
        scene.send(10)
        await scene.settled()
        before = len(scene[1].requests)
        scene.send(100)
        await scene.settled()
        assert len(scene[1].requests) == before


async def test_sticky_sends_a_key_always_to_the_same_target(tmp_path: Path):
    options = (
        'url("%0/" "%1/") persist-name("p") batch-lines(5) workers(4) '
        'balance(sticky) worker-partition-key("$HOST")'
    )
    async with HttpScene(tmp_path, options, None, None) as scene:
        for _ in range(10):
            for host in range(20):
                scene.push([b"<13>Nov 21 12:00:00 host%d a: host%d" % (host, host)])
            await scene.settled()
        seen = [set(server.lines) for server in scene.servers]
        assert not seen[0] & seen[1]
        assert min(len(found) for found in seen) >= 3


async def test_a_health_check_takes_an_idle_target_out_and_brings_it_back(
    tmp_path: Path,
):
    well = True

    def script(request: Request) -> Response:
        if request.path == "/health":
            return Response(204 if well else 500)
        return Response()

    options = (
        'url("%0/x" "%1/x") persist-name("p") workers(2) time-reopen(0.1) '
        'health-check(path("/health") expect(204) interval(0.05) rise(2))'
    )
    async with HttpScene(tmp_path, options, script, None) as scene:
        scene[1].script = lambda r: Response(204 if r.path == "/health" else 200)
        await scene[0].wait_for_requests(2)
        assert fitness(scene) == [Fitness.HEALTHY] * 2
        well = False
        await wait_until(lambda: fitness(scene)[0] is Fitness.EJECTED)
        assert fitness(scene)[1] is Fitness.HEALTHY
        scene.send(5)
        await scene.settled()
        assert {item.path for item in scene[0].requests} == {"/health"}
        well = True
        await wait_until(lambda: fitness(scene) == [Fitness.HEALTHY] * 2)
        assert {item.method for item in scene[0].requests} == {"GET"}


async def test_a_single_idle_target_is_probed_again_and_again(tmp_path: Path):
    options = 'url("%0/x") health-check(path("/health") interval(0.05))'
    async with HttpScene(tmp_path, options, None) as scene:
        await scene[0].wait_for_requests(5)


async def test_a_failed_target_is_probed_and_gets_no_trial_batch(tmp_path: Path):
    options = (
        'url("%0/" "%1/") persist-name("p") workers(2) time-reopen(0.05) '
        'health-check(path("/health") interval(0.05) rise(2))'
    )

    def broken(request: Request) -> Response:
        return Response(500)

    async with HttpScene(tmp_path, options, broken, None) as scene:
        for _ in range(10):
            scene.send(4)
            await scene.settled()
            await asyncio.sleep(0.02)
        batches = [item for item in scene[0].requests if item.method == "POST"]
        assert len(batches) <= 1


@pytest.mark.parametrize("key", ["", 'worker-partition-key("$HOST")'])
async def test_ordered_keeps_the_order_across_failures(tmp_path: Path, key: str):
    count = 0

    def flaky(request: Request) -> Response | Fault:
        nonlocal count
        count += 1
        return [Response(), Response(503), Fault.HANG_UP, Response()][count % 4]

    options = (
        f'url("%0/" "%1/" "%2/") persist-name("p") batch-lines(7) workers(6) '
        f"ordered(yes) time-reopen(0.01) {key}"
    )
    arrivals: dict[bytes, list[int]] = {}

    def record(request: Request) -> Response | Fault:
        answer = flaky(request)
        if isinstance(answer, Response) and answer.status == 200:
            for line in request.body.split(b"\n"):
                host, _, number = line.partition(b" ")
                arrivals.setdefault(host, []).append(int(number))
        return answer

    options += ' body("$HOST $MSG")'
    async with HttpScene(tmp_path, options, record, record, record) as scene:
        for number in range(300):
            scene.push(
                [b"<13>Nov 21 12:00:00 h%d a: %d" % (host, number) for host in range(4)]
            )
            if number % 10 == 0:
                await asyncio.sleep(0)
        await scene.settled(20)
        assert set(arrivals) == {b"h0", b"h1", b"h2", b"h3"}
        assert all(found == list(range(300)) for found in arrivals.values())


@pytest.mark.slow
async def test_order_by_key_is_kept_while_two_of_four_targets_flap(tmp_path: Path):
    total, hosts = 100_000, 50
    arrivals: dict[bytes, list[int]] = {}
    is_up = [True, True, True, True]

    def target(index: int):
        def script(request: Request) -> Response:
            if not is_up[index]:
                return Response(503)
            for line in request.body.split(b"\n"):
                host, _, number = line.partition(b" ")
                arrivals.setdefault(host, []).append(int(number))
            return Response()

        return script

    options = (
        'url("%0/" "%1/" "%2/" "%3/") persist-name("p") batch-lines(100) workers(4) '
        'time-reopen(0.05) ordered(yes) worker-partition-key("$HOST") '
        'body("$HOST $MSG") log-fifo-size(200000)'
    )
    async with HttpScene(tmp_path, options, *map(target, range(4))) as scene:

        async def flap() -> None:
            while True:
                await asyncio.sleep(0.2)
                is_up[0], is_up[1] = not is_up[0], not is_up[1]

        task = asyncio.create_task(flap())
        try:
            for start in range(0, total, total // 20):
                scene.push(
                    [
                        b"<13>Nov 21 12:00:00 h%d a: %d" % (number % hosts, number)
                        for number in range(start, start + total // 20)
                    ]
                )
                await scene.settled(60)
                await asyncio.sleep(0.05)
        finally:
            task.cancel()
        assert arrivals == {
            b"h%d" % host: list(range(host, total, hosts)) for host in range(hosts)
        }
        assert min(len(server.requests) for server in scene.servers) > 0


@pytest.mark.slow
async def test_flapping_targets_lose_nothing_and_starve_nobody(tmp_path: Path):
    total = 100_000
    is_up = [True, True]

    def flapping(index: int):
        return lambda _: Response() if is_up[index] else Response(503)

    options = (
        'url("%0/" "%1/" "%2/" "%3/") persist-name("p") batch-lines(100) workers(4) '
        "time-reopen(0.05) log-fifo-size(200000)"
    )
    scripts = (flapping(0), flapping(1), None, None)
    async with HttpScene(tmp_path, options, *scripts) as scene:

        async def flap() -> None:
            while True:
                await asyncio.sleep(0.2)
                is_up[0] = not is_up[0]
                is_up[1] = not is_up[1]

        task = asyncio.create_task(flap())
        try:
            for _ in range(20):
                scene.send(total // 20)
                await scene.settled(60)
                await asyncio.sleep(0.1)
        finally:
            task.cancel()
        delivered = [numbers(server.lines) for server in scene.servers]
        # Every answer arrived, so there are no duplicates either.
        assert sorted(n for found in delivered for n in found) == list(range(total))
        assert min(len(found) for found in delivered) > total // 40


@pytest.mark.slow
async def test_flapping_doubles_only_what_was_not_answered(tmp_path: Path):
    total = 100_000
    is_up = [True, True, True, True]
    taken: list[Counter[int]] = [Counter() for _ in is_up]
    unanswered: Counter[int] = Counter()

    def target(index: int):
        def script(request: Request) -> Response | Fault:
            found = numbers(request.body.split(b"\n"))
            taken[index].update(found)
            if is_up[index]:
                return Response()
            unanswered.update(found)  # it has them, and nobody is told
            return Fault.RESET if index else Fault.RESET_MID_BODY

        return script

    options = (
        'url("%0/" "%1/" "%2/" "%3/") persist-name("p") batch-lines(100) workers(4) '
        "time-reopen(0.05) log-fifo-size(200000)"
    )
    async with HttpScene(tmp_path, options, *map(target, range(4))) as scene:

        async def flap() -> None:
            while True:
                await asyncio.sleep(0.2)
                is_up[0], is_up[1] = not is_up[0], not is_up[1]

        task = asyncio.create_task(flap())
        try:
            for _ in range(20):
                scene.send(total // 20)
                await scene.settled(60)
                await asyncio.sleep(0.1)
        finally:
            task.cancel()
        together = sum(taken, Counter())
        assert sorted(together) == list(range(total))
        assert {n for n, count in together.items() if count > 1} <= set(unanswered)
        assert all(count <= 1 + unanswered[n] for n, count in together.items())
        assert unanswered
        assert min(found.total() for found in taken) > total // 40


async def test_workers_auto_follow_the_load(tmp_path: Path):
    options = 'url("%0/") batch-lines(1) workers(auto(1..8))'
    async with HttpScene(tmp_path, options, lambda _: Response(delay_s=0.03)) as scene:
        scene.send(300)
        await scene.settled()
        # Eight on an idle machine; a busy one looks like a slow server.
        assert 3 <= scene[0].connections <= 8
        assert sorted(numbers(scene[0].lines)) == list(range(300))


async def test_workers_auto_shrink_when_the_server_says_it_is_too_much(tmp_path: Path):
    options = (
        'url("%0/") batch-lines(1) workers(auto(1..8)) time-reopen(0.01) '
        "fail-threshold(1000)"
    )
    async with HttpScene(tmp_path, options, lambda _: Response(delay_s=0.01)) as scene:
        scene.send(200)
        await scene.settled()
        full = scene.destination._worker_count
        scene[0].script = lambda _: Response(429)
        scene.send(20)
        await scene[0].wait_for_requests(202)
        await wait_until(lambda: scene.destination._worker_count < full)


async def test_drain_and_undrain_by_ctl(tmp_path: Path):
    async with WebServer("127.0.0.1") as first, WebServer("127.0.0.1") as second:
        text = f"""
        source s {{ stdin(); }};
        destination d {{
            http(url("{first.url}/a" "{second.url}/b") persist-name("p") workers(2));
        }};
        log {{ source(s); destination(d); }};
        """
        async with Daemon(text, tmp_path) as daemon:
            pools = json.loads(await daemon.ctl("POOL", "--json"))
            assert [item["name"] for item in pools[0]["servers"]] == [
                f"{first.url}/a",
                f"{second.url}/b",
            ]
            answer = await daemon.ctl("DRAIN", f"{first.url}/a")
            assert answer.startswith("OK"), answer
            assert "drained" in await daemon.ctl("POOL")
            answer = await daemon.ctl("DRAIN", f"{second.url}/b")
            assert answer.startswith("FAIL"), answer
        assert daemon.returncode == 0
        async with Daemon(text, tmp_path) as daemon:  # a restart forgets no mark
            pools = json.loads(await daemon.ctl("POOL", "--json"))
            assert [item["is_drained"] for item in pools[0]["servers"]] == [True, False]
            answer = await daemon.ctl("UNDRAIN", f"{first.url}/a")
            assert answer.startswith("OK"), answer
            assert "drained" not in await daemon.ctl("POOL")
        assert daemon.returncode == 0
