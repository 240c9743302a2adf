"""Sockets passed by systemd."""

from __future__ import annotations

from logferry.runtime.activation import passed_descriptors


def test_sockets_are_taken_only_by_the_process_they_are_meant_for() -> None:
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": "7"}
    assert list(passed_descriptors(environ, 7)) == [3, 4]
    assert list(passed_descriptors(environ, 8)) == []


def test_nothing_is_passed_without_a_number() -> None:
    assert list(passed_descriptors({}, 7)) == []
    assert list(passed_descriptors({"LISTEN_FDS": "x", "LISTEN_PID": "7"}, 7)) == []
