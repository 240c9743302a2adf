"""A web server with a script of faults: nothing is lost, whatever it does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.web import Fault, Request, Response
from logferry.policy.health import Fitness

pytestmark = pytest.mark.integration

FAST = "time-reopen(0.02) timeout(0.2)"


async def test_a_hundred_different_status_codes(tmp_path: Path):
    codes = [
        *range(201, 207),
        *range(300, 309),
        *range(400, 452),
        *range(500, 512),
        *(599, 299, 226, 399, 499, 460, 470, 480, 490, 520, 521, 522, 523, 524, 525),
        *(530, 540, 550, 560, 570, 580),
    ]
    assert len(codes) == 100
    left = list(codes)

    def script(_: Request) -> Response:
        return Response(left.pop(0) if left else 200)

    options = f'url("%0/" "%1/") persist-name("p") workers(2) batch-lines(5) {FAST}'
    async with HttpScene(tmp_path, options, script, script) as scene:
        for _ in range(100):
            scene.send(10)
            await scene.settled()
        assert left == []
        ledger = scene.queue.ledger
        arrived = set(numbers(scene[0].lines + scene[1].lines))
        buried = set(numbers([letter.payload for letter in scene.letters]))
        assert ledger.accepted == 1000
        assert ledger.delivered == len(arrived)
        assert len(arrived) + len(buried) + ledger.dropped_count == 1000
        assert not arrived & buried
        now = scene.environment.clock()
        reports = scene.destination.balancer.report(now)
        assert [item.in_flight for item in reports] == [0, 0]


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_mixture_of_faults_loses_nothing(tmp_path: Path, seed: int):
    chance = random.Random(seed)

    def script(request: Request) -> Response | Fault:
        if chance.random() < 0.6:
            return Response(closes=chance.random() < 0.2)
        return chance.choice([*Fault, Response(500), Response(429), Response(404)])

    options = (
        f'url("%0/" "%1/" "%2/") persist-name("p") workers(3) batch-lines(20) {FAST} '
        "connect-timeout(1)"
    )
    async with HttpScene(tmp_path, options, script, script, script) as scene:
        scene.send(2000)
        await scene.settled(60)
        delivered = [n for server in scene.servers for n in numbers(server.lines)]
        # A busy machine may answer too late, which is a duplicate, but never a loss.
        assert set(delivered) == set(range(2000))
        assert len(delivered) - 2000 <= 20 * sum(
            "no answer" in line for line in scene.log.lines()
        )


async def test_a_connection_closed_between_requests_is_no_failure(tmp_path: Path):
    async with HttpScene(
        tmp_path, 'url("%0/") batch-lines(5)', lambda _: Response(closes=True)
    ) as scene:
        for _ in range(20):
            scene.send(5)
            await scene.settled()
        assert numbers(scene[0].lines) == list(range(100))
        assert not any("target failed" in line for line in scene.log.lines())
        assert not any("error sending" in line for line in scene.log.lines())


async def test_a_connection_closed_in_the_moment_of_a_request_is_no_failure(
    tmp_path: Path,
):
    count = 0

    def script(_: Request) -> Response | Fault:
        nonlocal count
        count += 1
        return Fault.HANG_UP if count % 3 == 0 else Response()

    async with HttpScene(
        tmp_path, 'url("%0/") batch-lines(5) time-reopen(60)', script
    ) as scene:
        for _ in range(20):
            scene.send(5)
            await scene.settled()
        assert numbers(scene[0].lines) == list(range(100))
        assert not any("target failed" in line for line in scene.log.lines())


async def test_a_huge_response_is_not_read_to_its_end(tmp_path: Path):
    async with HttpScene(
        tmp_path,
        'url("%0/") batch-lines(5)',
        lambda _: Response(body=b"x" * 50_000_000),
    ) as scene:
        scene.send(10)
        await scene.settled()
        assert numbers(scene[0].lines) == list(range(10))


async def test_a_stall_before_the_answer_fails_over_after_the_timeout(tmp_path: Path):
    options = (
        'url("%0/" "%1/") persist-name("p") workers(2) batch-lines(10) '
        "timeout(0.2) time-reopen(60)"
    )
    async with HttpScene(tmp_path, options, lambda _: Fault.STALL, None) as scene:
        started = asyncio.get_running_loop().time()
        scene.send(20)
        await scene.settled()
        assert asyncio.get_running_loop().time() - started < 3
        assert sorted(numbers(scene[1].lines)) == list(range(20))


async def test_an_answer_that_breaks_off_means_that_the_batch_is_sent_again(
    tmp_path: Path,
):
    answers = iter([Fault.RESET_MID_BODY])
    options = 'url("%0/") batch-lines(10) time-reopen(0.02) batch-id-header("X-Id")'
    async with HttpScene(
        tmp_path, options, lambda _: next(answers, Response())
    ) as scene:
        scene.send(10)
        await scene.settled()
        first, second = scene[0].requests
        assert first.body == second.body
        assert first.headers["x-id"] == second.headers["x-id"]


async def test_stopping_puts_back_what_nobody_answered(tmp_path: Path):
    options = 'url("%0/") batch-lines(10) workers(3) persist-name("p")'
    async with HttpScene(tmp_path, options, lambda _: Response(503)) as scene:
        scene.send(100)
        await scene[0].wait_for_requests(1)
        await scene.close()
        assert scene.queue.waiting_count == scene.queue.count == 100
        scene[0].script = lambda _: Response()
        await scene.open(options)
        await scene.settled()
        assert sorted(numbers(scene[0].lines)) == list(range(100))


async def test_stopping_waits_for_the_answers_under_way(tmp_path: Path):
    options = 'url("%0/") batch-lines(10) workers(2)'
    async with HttpScene(tmp_path, options, lambda _: Response(delay_s=0.3)) as scene:
        scene.send(20)
        await scene[0].wait_for_requests(2)
        await scene.close()
        assert scene.queue.ledger.delivered == 20
        assert len(scene[0].requests) == 2


async def test_everything_down_costs_one_trial_in_each_round(tmp_path: Path):
    options = (
        'url("%0/" "%1/") persist-name("p") workers(8) batch-lines(10) time-reopen(0.1)'
    )
    down = Response(503)
    async with HttpScene(tmp_path, options, lambda _: down, lambda _: down) as scene:
        scene.send(1000)
        started = scene.environment.clock()
        await asyncio.sleep(1.0)
        rounds = 1 + (scene.environment.clock() - started) / 0.1
        asked = len(scene[0].requests) + len(scene[1].requests)
        assert asked <= 16 + 2 * rounds  # each worker once, then one trial a round
        now = scene.environment.clock()
        found = {item.fitness for item in scene.destination.balancer.report(now)}
        assert Fitness.HEALTHY not in found


async def test_a_server_that_does_not_take_connections_is_left(tmp_path: Path):
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        for _ in range(3):  # nobody accepts them, so the next one hangs
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        options = (
            f'url("http://127.0.0.1:{address[1]}/" "%0/") persist-name("p") workers(2) '
            "batch-lines(10) connect-timeout(0.3) time-reopen(60)"
        )
        async with HttpScene(tmp_path, options, None) as scene:
            scene.send(100)
            await scene.settled(5)
            assert sorted(numbers(scene[0].lines)) == list(range(100))
            assert any("target failed" in line for line in scene.log.lines())


async def test_a_name_that_does_not_resolve_is_left(tmp_path: Path):
    options = (
        'url("http://nowhere.invalid/" "%0/") persist-name("p") workers(2) '
        "batch-lines(10) time-reopen(60)"
    )
    async with HttpScene(tmp_path, options, None) as scene:
        scene.send(100)
        await scene.settled()
        assert sorted(numbers(scene[0].lines)) == list(range(100))
