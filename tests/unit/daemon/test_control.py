"""The control socket's framing and its promises about paths."""

from __future__ import annotations

import os
import socket

import pytest

from logferry.daemon.control import ControlServer, _encode
from logferry.errors import TransportError
from logferry.telemetry.events import NullLog


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        ("", b".\n"),
        ("OK done", b"OK done\n.\n"),
        ("a\nb\n", b"a\nb\n.\n"),
        ("a\n.\nb", b"a\n. \nb\n.\n"),  # an answer cannot end itself early
        (".\n", b". \n.\n"),
    ],
)
def test_an_answer_ends_with_its_only_dot(answer, wire):
    assert _encode(answer) == wire


async def test_a_path_that_does_not_fit_is_an_error_that_says_so(tmp_path):
    server = ControlServer("x" * 108, {}, NullLog())
    with pytest.raises(TransportError, match="longer than 107 bytes"):
        await server.start()


async def test_what_is_no_socket_is_not_replaced(tmp_path):
    path = tmp_path / "ctl"
    path.write_text("precious")
    with pytest.raises(TransportError):
        await ControlServer(os.path.relpath(path), {}, NullLog()).start()
    assert path.read_text() == "precious"


async def test_a_command_that_fails_unexpectedly_is_an_answer(tmp_path):
    async def fail(words: list[str]) -> str:
        raise RuntimeError("a bug")

    path = os.path.relpath(tmp_path / "ctl")
    server = ControlServer(path, {"FAIL": fail}, NullLog())
    await server.start()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        sock.connect(path)
        sock.sendall(b"fail\n")
        answer = await _receive(sock)
    assert answer == b"FAIL internal error, see the log\n.\n"
    await server.stop()


async def _receive(sock: socket.socket) -> bytes:
    import asyncio

    return await asyncio.get_running_loop().sock_recv(sock, 1000)
