"""Poison messages, statuses, dead letters: the second opinion on real sockets."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.web import Request, Response, Script
from logferry.policy.health import Fitness

pytestmark = pytest.mark.integration

TWO = 'url("%0/" "%1/") persist-name("p") workers(4) time-reopen(60)'


def poison(*guilty: bytes, status: int = 400) -> Script:
    def script(request: Request) -> Response:
        if any(word in request.body for word in guilty):
            return Response(status, b"cannot parse")
        return Response()

    return script


def fitness(scene: HttpScene) -> list[Fitness]:
    now = scene.environment.clock()
    return [item.fitness for item in scene.destination.balancer.report(now)]


async def test_a_poison_message_among_ten_thousand(tmp_path: Path):
    script = poison(b"number 004321")
    async with HttpScene(tmp_path, f"{TWO} batch-lines(500)", script, script) as scene:
        scene.send(10_000)
        await scene.settled(30)
        delivered = numbers(scene[0].lines + scene[1].lines)
        assert sorted(delivered) == [n for n in range(10_000) if n != 4321]
        (letter,) = scene.letters
        assert letter.payload == b"number 004321"
        assert letter.destination == "http.p"
        assert letter.response == "400 Status: cannot parse"
        assert letter.target in {scene[0].url + "/", scene[1].url + "/"}
        assert letter.reason == "rejected"
        extra = len(scene[0].requests) + len(scene[1].requests) - 20
        assert extra <= 2 * math.ceil(math.log2(500)) + 1
        assert fitness(scene) == [Fitness.HEALTHY] * 2
        ledger = scene.queue.ledger
        assert (ledger.delivered, ledger.dead_lettered) == (9999, 1)


async def test_with_a_single_url_the_message_is_found_too(tmp_path: Path):
    options = 'url("%0/") batch-lines(100) time-reopen(60)'
    async with HttpScene(tmp_path, options, poison(b"number 000042")) as scene:
        scene.send(1000)
        await scene.settled()
        assert len(scene.letters) == 1
        assert numbers(scene[0].lines) == [n for n in range(1000) if n != 42]


async def test_single_messages_become_dead_letters_without_their_head(tmp_path: Path):
    options = 'url("%0/$HOST") time-reopen(60)'
    async with HttpScene(tmp_path, options, poison(b"number 000001")) as scene:
        scene.send(3)
        await scene.settled()
        (letter,) = scene.letters
        assert letter.payload == b"number 000001"
        assert "h" in letter.key


@pytest.mark.parametrize("status", [400, 404])
async def test_an_endpoint_that_alone_rejects_everything_loses_its_share(
    tmp_path: Path, status: int
):
    bad = Response(status)
    async with HttpScene(
        tmp_path, f"{TWO} batch-lines(10)", lambda _: bad, None
    ) as scene:
        scene.send(1000)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(1000))
        assert len(scene[0].requests) <= 4
        assert fitness(scene) == [Fitness.EJECTED, Fitness.HEALTHY]
        assert scene.letters == []


async def test_on_reject_drop_drops_the_batch(tmp_path: Path):
    script = poison(b"number 000005")
    options = f"{TWO} batch-lines(10) on-reject(drop)"
    async with HttpScene(tmp_path, options, script, script) as scene:
        scene.send(20)
        await scene.settled()
        assert scene.queue.ledger.dropped["rejected"] == 10
        assert scene.letters == []


async def test_on_reject_dead_letter_keeps_the_batch(tmp_path: Path):
    script = poison(b"number 000005")
    options = f"{TWO} batch-lines(10) on-reject(dead-letter)"
    async with HttpScene(tmp_path, options, script, script) as scene:
        scene.send(20)
        await scene.settled()
        assert numbers([letter.payload for letter in scene.letters]) == list(range(10))


async def test_on_reject_retry_blocks_as_the_reference_does(tmp_path: Path):
    script = poison(b"number 000005")
    options = (
        'url("%0/" "%1/") persist-name("p") batch-lines(10) time-reopen(0.05) '
        "on-reject(retry)"
    )
    async with HttpScene(tmp_path, options, script, script) as scene:
        scene.send(20)
        await scene[0].wait_for_requests(3)
        assert scene.queue.count == 20
        assert scene.queue.ledger.delivered == 0


async def test_reject_status_is_a_list_of_ones_own(tmp_path: Path):
    script = poison(b"number 000005", status=409)
    options = f"{TWO} batch-lines(10) reject-status(409)"
    async with HttpScene(tmp_path, options, script, script) as scene:
        scene.send(20)
        await scene.settled()
        assert numbers([letter.payload for letter in scene.letters]) == [5]


@pytest.mark.parametrize(
    ("action", "column"), [("drop", "dropped"), ("success", "delivered")]
)
async def test_response_action_has_the_last_word(
    tmp_path: Path, action: str, column: str
):
    options = f'url("%0/") batch-lines(10) response-action(418 => {action})'
    async with HttpScene(tmp_path, options, lambda _: Response(418)) as scene:
        scene.send(10)
        await scene.settled()
        ledger = scene.queue.ledger
        assert {"dropped": ledger.dropped_count, "delivered": ledger.delivered}[
            column
        ] == 10
        assert any("handled by response_action" in line for line in scene.log.lines())


async def test_504_is_tried_retries_times(tmp_path: Path):
    options = 'url("%0/") batch-lines(10) retries(3) time-reopen(0.02)'
    async with HttpScene(tmp_path, options, lambda _: Response(504)) as scene:
        scene.send(10)
        await scene.settled()
        assert len(scene[0].requests) == 3
        assert scene.queue.ledger.dropped["retries"] == 10
        assert any("Multiple failures" in line for line in scene.log.lines())


async def test_410_is_dropped_without_a_pause(tmp_path: Path):
    def script(request: Request) -> Response:
        return Response(410 if b"number 000000" in request.body else 200)

    options = 'url("%0/") batch-lines(10) time-reopen(60)'
    async with HttpScene(tmp_path, options, script) as scene:
        scene.send(20)
        await scene.settled()
        assert (scene.queue.ledger.dropped_count, scene.queue.ledger.delivered) == (
            10,
            10,
        )


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(tmp_path: Path, status: int):
    answers = iter([Response(status, headers={"Retry-After": "1"})])
    options = 'url("%0/") batch-lines(10) time-reopen(60)'
    async with HttpScene(
        tmp_path, options, lambda _: next(answers, Response())
    ) as scene:
        scene.send(10)
        started = asyncio.get_running_loop().time()
        await scene.settled()
        assert 0.9 <= asyncio.get_running_loop().time() - started <= 3


async def test_servers_that_reject_everything_keep_the_queue(tmp_path: Path):
    bad = Response(400)
    options = f"{TWO} batch-lines(100)"
    async with HttpScene(tmp_path, options, lambda _: bad, lambda _: bad) as scene:
        scene.send(1000)
        await asyncio.sleep(0.5)
        assert 0 < len(scene.letters) <= 10
        assert scene.queue.count == 1000 - len(scene.letters)


async def test_elasticsearch_judges_each_document(tmp_path: Path):
    def script(request: Request) -> Response:
        items = [
            {"create": {"status": 400 if b"number 000004" in line else 201}}
            for line in request.body.split(b"\n")
            if b"number" in line
        ]
        errors = any(item["create"]["status"] == 400 for item in items)
        return Response(200, json.dumps({"errors": errors, "items": items}).encode())

    options = (
        'url("%0/_bulk") batch-lines(10) body("{\\"create\\":{}}\\n$MSG") '
        'body-suffix("\\n") response-adapter("elasticsearch")'
    )
    async with HttpScene(tmp_path, options, script) as scene:
        scene.send(20)
        await scene.settled()
        assert len(scene[0].requests) == 2
        (letter,) = scene.letters
        assert letter.payload == b'{"create":{}}\nnumber 000004'
        ledger = scene.queue.ledger
        assert (ledger.delivered, ledger.dead_lettered) == (19, 1)
