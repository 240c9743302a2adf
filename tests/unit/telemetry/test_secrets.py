"""What is masked, and what is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logferry.telemetry.events import Event, render
from logferry.telemetry.secrets import mask, mask_in_place


@pytest.mark.parametrize(
    "text",
    [
        'password("hunter2")',
        "password('hunter2')",
        "password(hunter2)",
        'password ( "hunter2" )',
        'http_password("hunter2")',
        'key-passphrase("hunter2")',
        'token("hunter2")',
        'hec-token("hunter2")',
        'auth-token("hunter2")',
        'api_key("hunter2")',
        'client-secret("hunter2")',
        'url("http://bob:hunter2@host/path")',
        'headers("Authorization: Bearer hunter2")',
        'headers("Proxy-Authorization: Basic hunter2")',
        'headers("X-Api-Key: hunter2")',
        'headers("authorization: Splunk hunter2", "X: y")',
        r'password("hunter2\"hunter2")',
    ],
)
def test_secrets_are_masked(text):
    assert "hunter2" not in mask(text)
    assert "********" in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        'source s { network(port(514) transport("tls")); };',
        'key-file("/etc/ssl/key.pem")',
        'user("bob")',
        'url("http://host:8080/path?a=b")',
        'headers("X-Color: blue")',
        'template("$MSG password: $(echo x)\\n")',
    ],
)
def test_everything_else_stays_as_it_is(text):
    assert mask(text) == text


def test_what_stands_around_a_secret_is_kept():
    assert mask('http(url("http://h") password("x") user("y"))') == (
        'http(url("http://h") password("********") user("y"))'
    )


@dataclass(frozen=True, slots=True)
class Refused(Event):
    text: ClassVar[str] = "Refused"

    url: str


def test_a_log_line_shows_no_credentials_of_a_url():
    assert render(Refused("https://bob:hunter2@host/x")) == (
        "Refused; url='https://********@host/x'"
    )


@pytest.mark.parametrize(
    "text",
    [
        'http(url("http://bob:hunter2@h/") password("hunter2") user("x"))',
        "password('hunter2')",
        "password(hunter2)",
        'api-key(\n  "hunter2"\n) next',
        'headers("Authorization: Bearer hunter2", "X-Other: 1")',
        'tls(key-file("a") x-token("hun\\"ter2")) after',
    ],
)
def test_a_mask_in_place_moves_nothing(text):
    masked = mask_in_place(text)
    assert "hunter2" not in masked
    assert "ter2" not in masked
    assert len(masked) == len(text)
    assert masked.count("\n") == text.count("\n")
    for kept in ("next", "after", "X-Other: 1", 'user("x")'):
        if kept in text:
            assert masked.index(kept) == text.index(kept)


@given(st.text(alphabet="password(\"'):/@\n ahttpAuthorization", max_size=80))
def test_a_mask_in_place_keeps_the_shape_of_any_text(text):
    masked = mask_in_place(text)
    assert len(masked) == len(text)
    assert [i for i, c in enumerate(text) if c == "\n"] == [
        i for i, c in enumerate(masked) if c == "\n"
    ]
