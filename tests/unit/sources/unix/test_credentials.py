"""What is known of a local sender."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from logferry.sources.unix.credentials import (
    Credentials,
    CredentialValues,
    credentials_in,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_credentials_come_from_the_kernel_only() -> None:
    data = struct.pack("3i", 1, 2, 3)
    level, kind = socket.SOL_SOCKET, socket.SCM_CREDENTIALS
    assert credentials_in([(level, kind, data)]) == Credentials(1, 2, 3)
    assert credentials_in([(level, socket.SCM_RIGHTS, data)]) is None
    assert credentials_in([(level, kind, data[:4])]) is None
    assert credentials_in([]) is None


def test_a_process_is_looked_at_once_a_second(tmp_path: Path) -> None:
    now_s = 10.0
    values = CredentialValues(lambda: now_s, tmp_path)
    sender = Credentials(7, 1, 2)
    numbers = ((".unix.pid", b"7"), (".unix.uid", b"1"), (".unix.gid", b"2"))
    assert values.of(sender) == numbers
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cmdline").write_bytes(b"su\0-\0me\0")
    (tmp_path / "7" / "exe").symlink_to("/bin/su")
    assert values.of(sender) == numbers
    now_s += 1.0
    assert values.of(sender) == (
        *numbers,
        (".unix.cmdline", b"su - me"),
        (".unix.exe", b"/bin/su"),
    )
