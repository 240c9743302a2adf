"""``disk-buffer()`` in a configuration: names old and new, and what they come to."""

from __future__ import annotations

import pytest

from logferry.config.load import load_configuration
from logferry.daemon.queue_store import is_synchronous, limits_of
from logferry.daemon.registry import default_registry
from logferry.destinations.options import DiskBufferOptions


def load(tmp_path, text: str) -> tuple[DiskBufferOptions, list[str]]:
    path = tmp_path / "site.conf"
    path.write_text(
        "@version: 4.27\nsource s { internal(); };\n"
        f'destination d {{ network("127.0.0.1" disk-buffer({text})); }};\n'
        "log { source(s); destination(d); };\n"
    )
    configuration, diagnostics = load_configuration(path, default_registry(), {})
    (driver,) = configuration.destinations["d"].drivers
    messages = [
        item.message for item in diagnostics.items if "failover" not in item.message
    ]
    return driver.options.disk_buffer, messages


def test_the_defaults_are_those_of_the_reference(tmp_path) -> None:
    options, warnings = load(tmp_path, "")
    limits = limits_of(options)
    assert limits.capacity_bytes == 1024 * 1024
    assert (limits.is_reliable, limits.memory_count_max) == (False, 1000)
    assert limits.memory_bytes_max == 163_840_000
    assert any("holds 1 MiB" in item for item in warnings)


def test_old_names_mean_the_same_and_warn(tmp_path) -> None:
    options, warnings = load(
        tmp_path, "disk-buf-size(5MiB) mem-buf-size(2MiB) qout-size(7)"
    )
    limits = limits_of(options)
    assert limits.capacity_bytes == 5 * 1024 * 1024
    assert (limits.memory_bytes_max, limits.memory_count_max) == (2 * 1024 * 1024, 7)
    assert sum("obsolete name" in item for item in warnings) == 3


def test_less_than_the_least_is_the_least(tmp_path) -> None:
    options, warnings = load(tmp_path, "capacity-bytes(1000)")
    assert limits_of(options).capacity_bytes == 1024 * 1024
    assert any("holds 1 MiB" in item for item in warnings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reliable(yes)", True),
        ("reliable(yes) durability(os)", False),
        ("reliable(no)", False),
        ("reliable(no) durability(os)", False),
    ],
)
def test_only_reliable_buffers_are_written_through(tmp_path, text, expected) -> None:
    options, _ = load(tmp_path, f"capacity-bytes(5MiB) {text}")
    assert is_synchronous(options) is expected


@pytest.mark.parametrize(
    "text", ["prealloc(yes)", "compaction(yes)", "flow-control-window-size(5)"]
)
def test_what_has_no_effect_says_why(tmp_path, text) -> None:
    _, warnings = load(tmp_path, f"capacity-bytes(5MiB) {text}")
    assert [item for item in warnings if "has no effect: " in item]


def test_durability_without_reliable_says_that_it_does_nothing(tmp_path) -> None:
    _, warnings = load(tmp_path, "capacity-bytes(5MiB) durability(os)")
    assert "durability() has no effect without reliable(yes)" in warnings
