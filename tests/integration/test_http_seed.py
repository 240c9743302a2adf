"""The document of the HTTP load balancer, sentence by sentence, on real sockets."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.web import Fault, Request, Response
from logferry.config.load import load_configuration
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.destinations.http.destination import HttpDestination
from logferry.errors import ConfigError
from logferry.runtime.environment import Environment

pytestmark = pytest.mark.integration

BATCH = "batch-lines(10)"
TWO = f'url("%0/logs" "%1/logs") persist-name("p") {BATCH} workers(4)'


def down(_: Request) -> Response:
    return Response(503, b"no")


def ok(_: Request) -> Response:
    return Response()


async def test_distributes_messages_across_multiple_http_endpoints(tmp_path: Path):
    async with HttpScene(tmp_path, TWO, None, None) as scene:
        scene.send(200)
        await scene.settled()
        assert sorted(numbers(scene[0].lines + scene[1].lines)) == list(range(200))
        shares = len(scene[0].requests), len(scene[1].requests)
        assert sum(shares) == 20
        assert min(shares) >= 7  # who answers sooner gets the next batch


async def test_urls_may_be_separated_by_spaces_in_one_string(tmp_path: Path):
    options = f'url("%0/a %1/b") {BATCH} workers(2) persist-name("p")'
    async with HttpScene(tmp_path, options, None, None) as scene:
        scene.send(20)
        await scene.settled()
        assert [scene[0].requests[0].path, scene[1].requests[0].path] == ["/a", "/b"]


async def test_each_worker_keeps_its_http_connection_open_between_requests(
    tmp_path: Path,
):
    async with HttpScene(tmp_path, TWO, None, None) as scene:
        for _ in range(5):
            scene.send(100)
            await scene.settled()
        assert scene[0].connections + scene[1].connections == 4
        assert len(scene[0].requests) + len(scene[1].requests) == 50


@pytest.mark.parametrize(
    "fault",
    [
        Response(400),
        Response(404),
        Response(500),
        Response(503),
        Fault.RESET,
        Fault.RESET_MID_BODY,
        Fault.GARBAGE,
        Fault.HANG_UP,
        Fault.STALL,
        Fault.STALL_MID_BODY,
    ],
    ids=lambda fault: str(getattr(fault, "status", fault)),
)
async def test_if_an_endpoint_fails_messages_are_retried_on_alternative_endpoints(
    tmp_path: Path, fault: Response | Fault
):
    options = f"{TWO} timeout(0.3) time-reopen(60)"
    async with HttpScene(tmp_path, options, lambda _: fault, None) as scene:
        scene.send(100)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(100))
        assert scene.queue.ledger.delivered == 100
        failed = [line for line in scene.log.lines() if "target failed" in line]
        assert len(failed) == 1


async def test_a_refused_connection_fails_over(tmp_path: Path):
    async with HttpScene(tmp_path, f"{TWO} time-reopen(60)", None, None) as scene:
        await scene[0].stop()
        scene.send(100)
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(100))
        reason = f"cannot connect to 127.0.0.1:{scene[0].port}: Connection refused"
        assert any(reason in line for line in scene.log.lines())


async def test_after_the_recovery_timeout_the_endpoint_is_tried_and_restored(
    tmp_path: Path,
):
    async with HttpScene(tmp_path, TWO, down, None) as scene:
        scene.send(40)
        await scene.settled()
        asked = len(scene[0].requests)
        scene.send(40)
        await scene.settled()
        assert len(scene[0].requests) == asked  # the recovery timeout has not elapsed
        scene[0].script = ok
        await asyncio.sleep(0.25)
        scene.send(40)
        await scene.settled()
        before = len(scene[0].requests)
        scene.send(80)
        await scene.settled()
        # Half of it again, give or take a worker that was quicker than another.
        assert 3 <= len(scene[0].requests) - before <= 5
        assert sorted(numbers(scene[0].lines + scene[1].lines)) == list(range(200))


async def test_all_endpoints_down_queues_and_resumes_when_any_recovers(tmp_path: Path):
    async with HttpScene(tmp_path, TWO, down, down) as scene:
        scene.send(200)
        await asyncio.sleep(0.1)
        assert scene.queue.count == 200
        scene[1].script = ok
        await scene.settled()
        assert sorted(numbers(scene[1].lines)) == list(range(200))
        rounds = len(scene[0].requests)
        assert rounds <= 4 + 3  # each worker once, then one trial in each round


async def test_templates_in_path_and_query_are_url_encoded(tmp_path: Path):
    options = f'url("%0/${{HOST}}/logs/${{MESSAGE}}?m=${{PROGRAM}}") {BATCH}'
    async with HttpScene(tmp_path, options, None) as scene:
        scene.push([b"<13>Nov 21 12:00:00 web1 app: a/b&c d"])
        scene.push([b"<13>Nov 21 12:00:00 web2 p%q: hello"])
        await scene.settled()
        paths = [request.path for request in scene[0].requests]
        assert paths == ["/web1/logs/a%2Fb%26c%20d?m=app", "/web2/logs/hello?m=p%25q"]


@pytest.mark.parametrize(
    ("part", "url"),
    [
        ("scheme", "$P://h/"),
        ("host", "http://${HOST}/"),
        ("host", "http://logs.${HOST:-a.b/c}/"),
        ("port", "http://h:$P/"),
        ("user", "http://$U@h/"),
        ("password", "http://u:${P}@h/"),
    ],
)
async def test_templates_elsewhere_are_a_configuration_error_that_names_the_part(
    tmp_path: Path, part: str, url: str
):
    scene = HttpScene(tmp_path, f'url("{url}")')
    with pytest.raises(
        ConfigError, match=f"{part} part of URL cannot contain templates"
    ):
        await scene.open(f'url("{url}")')


async def test_a_batch_never_mixes_urls(tmp_path: Path):
    options = (
        f'url("%0/${{HOST}}/logs") {BATCH} worker-partition-key("${{HOST}}") workers(4)'
    )
    async with HttpScene(tmp_path, options, None) as scene:
        for _ in range(20):
            for host in ("alpha", "beta", "gamma"):
                scene.push([b"<13>Nov 21 12:00:00 %b app: x" % host.encode()] * 3)
        await scene.settled()
        bodies = {request.path: 0 for request in scene[0].requests}
        for request in scene[0].requests:
            bodies[request.path] += request.body.count(b"\n") + 1
        assert bodies == {f"/{host}/logs": 60 for host in ("alpha", "beta", "gamma")}
        # Messages for the same host go to the same batch.
        assert len(scene[0].requests) == 3 * 6


async def test_fewer_workers_than_urls_is_a_warning(tmp_path: Path):
    options = 'url("%0/" "%1/") persist-name("p")'
    async with HttpScene(tmp_path, options, None, None) as scene:
        warnings = [item.message for item in scene.diagnostics.items]
        assert any("less workers than urls" in item for item in warnings)


async def test_several_urls_without_persist_name_are_a_warning(tmp_path: Path):
    options = 'url("%0/" "%1/") workers(2)'
    async with HttpScene(tmp_path, options, None, None) as scene:
        warnings = [item.message for item in scene.diagnostics.items]
        assert any("without persist-name()" in item for item in warnings)


async def test_persist_name_keeps_the_queue_when_urls_change(tmp_path: Path):
    one = f'url("%0/logs") persist-name("p") {BATCH}'
    async with HttpScene(tmp_path, one, down, None) as scene:
        scene.send(30)
        await asyncio.sleep(0.05)
        await scene.close()
        await scene.open(f'url("%1/other") persist-name("p") {BATCH}')
        await scene.settled()
        assert numbers(scene[1].lines) == list(range(30))
        assert {request.path for request in scene[1].requests} == {"/other"}


async def test_persist_name_keeps_the_state_of_targets(tmp_path: Path):
    options = f"{TWO} time-reopen(60)"
    async with HttpScene(tmp_path, options, down, None) as scene:
        scene.send(40)
        await scene.settled()
        asked = len(scene[0].requests)
        await scene.close()
        await scene.open(options)
        scene.send(40)
        await scene.settled()
        assert len(scene[0].requests) == asked


async def test_one_worker_keeps_the_order(tmp_path: Path):
    async with HttpScene(tmp_path, f'url("%0/") {BATCH}', None) as scene:
        for _ in range(50):
            scene.send(7)
        await scene.settled()
        assert numbers(scene[0].lines) == list(range(350))


def seats(scene: HttpScene) -> list[int]:
    """Return how many workers belong to each target."""
    now = scene.environment.clock()
    return [item.seats for item in scene.destination.balancer.report(now)]


async def test_workers_of_a_failed_endpoint_move_and_return_when_it_recovers(
    tmp_path: Path,
):
    async with HttpScene(tmp_path, TWO, down, None) as scene:
        scene.send(200)
        await scene.settled()
        assert seats(scene) == [0, 4]
        scene[0].script = ok
        await asyncio.sleep(0.25)
        scene.send(200)
        await scene.settled()
        scene.send(200)
        await scene.settled()
        assert seats(scene) == [2, 2]


async def test_a_failed_recovery_attempt_schedules_the_next_one(tmp_path: Path):
    async with HttpScene(tmp_path, TWO, down, None) as scene:
        clock = scene.environment.clock
        attempts: list[float] = []

        def still_down(_: Request) -> Response:
            attempts.append(clock())
            return Response(503)

        scene.send(200)
        await scene.settled()
        scene[0].script = still_down
        while len(attempts) < 4:
            scene.send(40)
            await scene.settled()
            await asyncio.sleep(0.01)
        waits = [later - earlier for earlier, later in itertools.pairwise(attempts)]
        assert min(waits) >= 0.195  # time-reopen(0.2)
        assert sorted(numbers(scene[1].lines)) == list(range(scene.sent))


SNIPPETS = (
    """http(
        url("http://server1.example.com/logs" "http://server2.example.com/logs")
        workers(2) # At least 2 workers for 2 URLs
    );""",
    """http(
        url("http://server1.example.com/logs" "http://server2.example.com/logs")
        persist-name("http_log_endpoints") # Preserves state across config changes
        workers(4)
    );""",
    """http(
        url("http://server1.example.com/logs" "http://server2.example.com/logs")
        time-reopen(30) # Retry failed endpoints after 30 seconds
    );""",
    """http(
        url("http://logs.example.com:8080/${HOST}/logs")
        batch-lines(100)
        worker-partition-key("${HOST}") # Messages for the same host go to same batch
        workers(8)
    );""",
    'http(url("http://logs.example.com:8080/api/logs"));',
)


@pytest.mark.parametrize(
    ("snippet", "recovery_s"),
    list(zip(SNIPPETS, (60, 60, 30, 60, 60), strict=True)),
)
async def test_the_documents_configurations_load_and_the_recovery_timeout_is_60_seconds(
    tmp_path: Path, snippet: str, recovery_s: float
):
    file = tmp_path / "seed.conf"
    file.write_text(
        "@version: 4.27\nsource s { internal(); };\n"
        f"destination d_http {{\n    {snippet}\n}};\n"
        "log { source(s); destination(d_http); };\n"
    )
    configuration, _ = load_configuration(file, default_registry(), {})
    environment = Environment(state_dir=tmp_path)
    topology = build_topology(configuration, environment, QueueStore(environment))
    await topology.start()
    destination = topology.destinations["d_http#0"].destination
    assert isinstance(destination, HttpDestination)
    await topology.stop(0)
    backoff = destination.balancer.plan.health.backoff
    assert backoff is not None
    assert (backoff.initial_s, backoff.max_s) == (recovery_s, recovery_s)


async def test_a_static_url_costs_no_formatting(tmp_path: Path):
    async with HttpScene(tmp_path, TWO, None, None) as scene:
        scene.send(1000)
        await scene.settled()
        made = scene.destination._shared.requests.prepared.cache_info()
        assert made.misses == 2  # once for each target, not for each request
        assert made.hits >= 98
