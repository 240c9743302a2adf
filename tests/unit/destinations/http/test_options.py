"""Options of ``http()``: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from logferry.config.load import load_configuration
from logferry.config.nodes import Deliver, Spec
from logferry.daemon.registry import default_registry, destination_kinds
from logferry.destinations.http.options import HttpDestinationOptions
from logferry.destinations.http.setup import Setup
from logferry.destinations.http.values import WorkerCount
from logferry.errors import ConfigError
from logferry.policy.share import Balance


def read(folder: Path, options: str) -> tuple[Spec, list[str]]:
    """Return the driver of ``http(options)`` and the warnings."""
    path = folder / "x.conf"
    path.write_text(
        "@version: 4.27\nsource s { stdin(); };\n"
        f"destination d {{ http({options}); }};\n"
        "log { source(s); destination(d); };\n"
    )
    configuration, diagnostics = load_configuration(path, default_registry(), {})
    (log_path,) = configuration.log_paths
    (group,) = (item.group for item in log_path.elements if isinstance(item, Deliver))
    return group.drivers[0], [item.message for item in diagnostics.items]


def options_of(folder: Path, text: str) -> HttpDestinationOptions:
    return cast("HttpDestinationOptions", read(folder, text)[0].options)


def test_the_default_url_is_localhost(tmp_path: Path):
    assert Setup(read(tmp_path, "")[0]).names == ("http://localhost/",)


def test_urls_in_one_string_or_several(tmp_path: Path):
    text = 'url("http://a/ http://b/" "http://c/${HOST} x") persist-name("p")'
    names = Setup(read(tmp_path, text)[0]).names
    assert names == ("http://a/", "http://b/", "http://c/${HOST} x")


def test_a_later_url_replaces_the_earlier(tmp_path: Path):
    assert Setup(read(tmp_path, 'url("http://a/") url("http://b/")')[0]).names == (
        "http://b/",
    )


def test_targets_stand_beside_urls(tmp_path: Path):
    text = (
        'url("http://a/") target("http://b/" weight(3) tier(2) timeout(5)) '
        'persist-name("p") workers(2) balance(least-loaded) max-ejected(50%)'
    )
    setup = Setup(read(tmp_path, text)[0])
    plan = setup.balancer()
    assert [(item.name, item.weight, item.tier) for item in plan.targets] == [
        ("http://a/", 1, 1),
        ("http://b/", 3, 2),
    ]
    assert plan.balance is Balance.LEAST_LOADED
    assert plan.ejected_share_max == 0.5
    assert [setup.options.timeout_s(item) for item in setup.targets] == [60.0, 5.0]


def test_a_single_url_waits_for_ever_as_the_reference_does(tmp_path: Path):
    options = options_of(tmp_path, 'url("http://a/")')
    assert options.timeout_s(options.targets()[0]) == 0


def test_the_recovery_timeout_is_sixty_seconds(tmp_path: Path):
    plan = Setup(read(tmp_path, 'url("http://a/")')[0]).balancer()
    assert plan.health.backoff is not None
    assert (plan.health.backoff.initial_s, plan.health.backoff.max_s) == (60, 60)
    assert (plan.health.fall, plan.health.rise) == (1, 1)


def test_backoff_grows_up_to_time_reopen(tmp_path: Path):
    text = "time-reopen(30) backoff(initial(2) multiplier(3) jitter(10%))"
    backoff = Setup(read(tmp_path, text)[0]).balancer().health.backoff
    assert backoff is not None
    assert (backoff.initial_s, backoff.max_s, backoff.multiplier, backoff.jitter) == (
        2,
        30,
        3,
        0.1,
    )


@pytest.mark.parametrize(
    ("text", "lines", "is_batched"),
    [
        ("", 64, False),
        ("batch-lines(1)", 1, True),
        ("batch-lines(500)", 500, True),
        ("batch-bytes(1000)", 1 << 20, True),
        ("flush-lines(7)", 7, True),
    ],
)
def test_batch_sizes(tmp_path: Path, text: str, lines: int, is_batched: bool):
    options = options_of(tmp_path, text)
    assert (options.count_max(), options.is_batched) == (lines, is_batched)


def test_workers_are_a_number_or_a_range(tmp_path: Path):
    assert options_of(tmp_path, "workers(4)").workers == WorkerCount(4, 4)
    assert options_of(tmp_path, "workers(auto(1..16))").workers == WorkerCount(1, 16)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('url("http://${HOST}/")', "host part of URL cannot contain templates"),
        ('url("logs")', "is no URL"),
        ('url("logs:web")', "is no URL"),
        ('worker-partition-key("all")', "should not be literal"),
        ('headers("nonsense")', "is no header"),
        ("workers(0)", "a number of workers"),
        ("workers(auto(5..2))", "a number of workers"),
        ("retries(0)", "at least 1"),
        ("time-reopen(0)", "at least"),
        ("response-action(418 => ignore)", "pairs such as 418 => drop"),
        ("reject-status(42)", "from 100 to 599"),
        ("max-ejected(150%)", "a share such as 50%"),
        ('proxy("ftp://h:1")', "cannot be used"),
        ("ssl-version(sslv3)", "not spoken any more"),
        ("on-reject(explode)", "one of split"),
        ('target("http://a/ http://b/")', "a target() has one URL"),
        ("balance(luck)", "one of workers"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('url("http://a/" "http://b/") workers(2)', "without persist-name()"),
        ('url("http://a/" "http://b/") persist-name("p")', "less workers than urls"),
        ('method("GET")', "using POST"),
        ("flush-on-worker-key-change(no)", "has no effect"),
        ("ocsp-stapling-verify(yes)", "has no effect"),
        ('worker-partition-buckets("4")', "there is no worker-partition-key()"),
    ],
)
def test_what_is_warned_of(tmp_path: Path, text: str, words: str):
    _, warnings = read(tmp_path, text)
    assert any(words in item for item in warnings), warnings


def test_the_queue_is_named_as_in_the_reference(tmp_path: Path):
    kind = destination_kinds()["http"]
    spec, _ = read(tmp_path, 'url("http://u:p@a/x") persist-name("p")')
    assert kind.queue_name(spec) == "http.p"
    spec, _ = read(tmp_path, 'url("http://u:p@a/x")')
    assert kind.queue_name(spec) == "http(http://a/x,)"


def test_equal_texts_are_equal_options(tmp_path: Path):
    text = 'url("http://a/${HOST}") target("http://b/" tls(peer-verify(no)))'
    assert options_of(tmp_path, text) == options_of(tmp_path, text)
