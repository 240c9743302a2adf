"""Blocks whose text depends on the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logferry.scl.generators import system


def test_the_journals_socket_is_used_where_there_is_a_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        Path, "is_dir", lambda path: str(path) == "/run/systemd/journal"
    )
    assert system() == 'unix-dgram("/run/systemd/journal/syslog" );'


@pytest.mark.parametrize("is_readable", [True, False])
def test_dev_log_and_a_readable_kernel_are_used_elsewhere(
    monkeypatch: pytest.MonkeyPatch, is_readable: bool
) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda path: False)
    monkeypatch.setattr(os, "access", lambda path, mode: is_readable)
    text = system(flags="")
    assert text.startswith('unix-dgram("/dev/log" flags(`flags`));')
    assert ('file("/proc/kmsg"' in text) is is_readable
