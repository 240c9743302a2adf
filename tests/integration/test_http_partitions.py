"""``worker-partition-key()`` and how many workers deliver a key at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.collector import numbers
from helpers.http_scene import HttpScene
from helpers.web import Request, Response
from logferry.errors import ConfigError

pytestmark = pytest.mark.integration

BASE = 'url("%0/${HOST}") batch-lines(5) workers(6) worker-partition-key("$HOST") '


async def most_at_once(folder: Path, options: str, hosts: dict[str, int]) -> list[int]:
    """Deliver batches of hosts slowly; return how many of each were under way."""
    under_way: dict[str, int] = dict.fromkeys(hosts, 0)
    most = dict(under_way)

    def script(request: Request) -> Response:
        host = request.path[1:]
        scene = running[0]
        under_way.update(dict.fromkeys(hosts, 0))
        for group, count in scene.destination._groups.items():
            under_way[group.decode().partition("\n")[0]] = count
        most[host] = max(most[host], under_way[host])
        return Response(delay_s=0.05)

    async with HttpScene(folder, BASE + options, script) as scene:
        running = [scene]
        for host, count in hosts.items():
            scene.send(count, host=host)
        await scene.settled()
        assert sorted(numbers(scene[0].lines)) == list(range(sum(hosts.values())))
        assert sum("is no number" in line for line in scene.log.lines()) <= 1
    return list(most.values())


HOSTS = {"busy": 60, "calm": 5}


async def test_a_key_is_delivered_one_batch_after_the_other(tmp_path: Path):
    assert await most_at_once(tmp_path, "", HOSTS) == [1, 1]


async def test_buckets_let_several_workers_deliver_a_key(tmp_path: Path):
    options = 'worker-partition-buckets("3")'
    assert await most_at_once(tmp_path, options, HOSTS) == [3, 1]


async def test_buckets_may_be_a_template(tmp_path: Path):
    options = "worker-partition-buckets(\"$(if ('$HOST' eq 'busy') 4 2)\")"
    assert await most_at_once(tmp_path, options, HOSTS) == [4, 1]


async def test_buckets_that_are_no_number_are_one(tmp_path: Path):
    options = 'worker-partition-buckets("$HOST")'
    assert await most_at_once(tmp_path, options, HOSTS) == [1, 1]


async def test_autoscaling_leaves_workers_for_other_keys(tmp_path: Path):
    options = "worker-partition-autoscaling(yes) worker-partition-autoscaling-wfo(2)"
    assert await most_at_once(tmp_path, options, HOSTS) == [4, 1]


async def test_ordered_is_stronger_than_buckets(tmp_path: Path):
    options = 'worker-partition-buckets("3") ordered(yes)'
    assert await most_at_once(tmp_path, options, HOSTS) == [1, 1]


async def test_buckets_and_autoscaling_exclude_each_other(tmp_path: Path):
    options = 'worker-partition-buckets("3") worker-partition-autoscaling(yes)'
    with pytest.raises(ConfigError, match="exclude each other"):
        async with HttpScene(tmp_path, BASE + options, None):
            pass
