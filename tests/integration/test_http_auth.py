"""Tokens and headers that Python code makes."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from helpers.http_scene import HttpScene
from helpers.web import Request, Response, WebServer
from logferry.errors import ConfigError, LogferryError
from logferry.message.model import UnixNanos

pytestmark = pytest.mark.integration

LINE = b"<13>Oct 11 22:14:15 h a: hello"


def token_server(lifetime_s: float = 3600) -> WebServer:
    """Return a server whose tokens are t1, t2 …."""
    count = 0

    def script(_: Request) -> Response:
        nonlocal count
        count += 1
        token = {"access_token": f"t{count}", "expires_in": lifetime_s}
        return Response(body=json.dumps(token).encode())

    return WebServer("127.0.0.1", script)


def oauth2(server: WebServer, more: str = "") -> str:
    return (
        f'url("%0/") cloud-auth(oauth2(client-id("me") client-secret("s:3") '
        f'token-url("{server.url}/token") scope("logs") {more})) time-reopen(0.05)'
    )


async def test_a_token_is_fetched_once_and_sent_with_every_request(tmp_path: Path):
    async with (
        token_server() as tokens,
        HttpScene(tmp_path, oauth2(tokens), None) as scene,
    ):
        scene.push([LINE] * 5)
        await scene.settled()
        assert {item.headers["authorization"] for item in scene[0].requests} == {
            "Bearer t1"
        }
        (request,) = tokens.requests
        assert parse_qs(request.body.decode()) == {
            "grant_type": ["client_credentials"],
            "scope": ["logs"],
        }
        scheme, _, pair = request.headers["authorization"].partition(" ")
        assert (scheme, base64.b64decode(pair)) == ("Basic", b"me:s:3")


async def test_name_and_secret_may_go_in_the_body(tmp_path: Path):
    async with (
        token_server() as tokens,
        HttpScene(
            tmp_path, oauth2(tokens, 'auth-method("post-body") audience("a")'), None
        ) as scene,
    ):
        scene.push([LINE])
        await scene.settled()
        fields = parse_qs(tokens.requests[0].body.decode())
        assert (fields["client_id"], fields["client_secret"]) == (["me"], ["s:3"])
        assert fields["audience"] == ["a"]
        assert "authorization" not in tokens.requests[0].headers


async def test_a_token_is_replaced_before_its_end(tmp_path: Path):
    async with (
        token_server(lifetime_s=0.4) as tokens,
        HttpScene(tmp_path, oauth2(tokens), None) as scene,
    ):
        scene.push([LINE])
        await scene.settled()
        await asyncio.sleep(0.25)
        scene.push([LINE])
        await scene.settled()
        found = [item.headers["authorization"] for item in scene[0].requests]
        assert found == ["Bearer t1", "Bearer t2"]


async def test_a_refused_token_is_replaced_at_once(tmp_path: Path):
    def script(request: Request) -> Response:
        good = request.headers["authorization"] == "Bearer t2"
        return Response(200 if good else 401)

    async with (
        token_server() as tokens,
        HttpScene(tmp_path, oauth2(tokens), script) as scene,
    ):
        scene.push([LINE] * 3)
        await scene.settled()
        assert len(scene[0].requests) == 4
        assert not any("target failed" in line for line in scene.log.lines())


async def test_a_server_that_refuses_every_token_is_not_asked_again_and_again(
    tmp_path: Path,
):
    async with (
        token_server() as tokens,
        HttpScene(
            tmp_path, oauth2(tokens) + " time-reopen(60)", lambda _: Response(401)
        ) as scene,
    ):
        scene.push([LINE])
        await scene[0].wait_for_requests(2)
        await asyncio.sleep(0.1)
        assert len(scene[0].requests) == 2
        assert scene.queue.count == 1


async def test_messages_wait_while_no_token_can_be_had(tmp_path: Path):
    tokens = WebServer("127.0.0.1", lambda _: Response(500))
    async with tokens, HttpScene(tmp_path, oauth2(tokens), None) as scene:
        scene.push([LINE])
        await tokens.wait_for_requests(2)
        assert scene[0].requests == []
        tokens.script = lambda _: Response(body=b'{"access_token": "x"}')
        await scene.settled()
        assert scene[0].requests[0].headers["authorization"] == "Bearer x"


async def test_azure_monitor_is_oauth2_of_the_tenant(tmp_path: Path):
    async with token_server() as tokens:
        options = (
            'url("%0/") cloud-auth(azure(monitor(tenant-id("t") app-id("a") '
            f'app-secret("s") auth-url("{tokens.url}/oauth2"))))'
        )
        async with HttpScene(tmp_path, options, None) as scene:
            scene.push([LINE])
            await scene.settled()
            assert scene[0].requests[0].headers["authorization"] == "Bearer t1"
        assert parse_qs(tokens.requests[0].body.decode()) == {
            "grant_type": ["client_credentials"],
            "scope": ["https://monitor.azure.com//.default"],
            "client_id": ["a"],
            "client_secret": ["s"],
        }


async def test_gcp_asks_the_metadata_server_of_the_machine(tmp_path: Path):
    async with token_server() as tokens:
        options = (
            'url("%0/") cloud-auth(gcp(user-managed-service-account(name("robot") '
            f'metadata-url("{tokens.url}/accounts"))))'
        )
        async with HttpScene(tmp_path, options, None) as scene:
            scene.push([LINE])
            await scene.settled()
            assert scene[0].requests[0].headers["authorization"] == "Bearer t1"
        (request,) = tokens.requests
        assert (request.method, request.path) == ("GET", "/accounts/robot/token")
        assert request.headers["metadata-flavor"] == "Google"


@pytest.fixture
def account(tmp_path: Path) -> rsa.RSAPrivateKey:
    """Write a key file and return its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    text = {"client_email": "me@x", "private_key_id": "k", "private_key": pem.decode()}
    (tmp_path / "key.json").write_text(json.dumps(text))
    return key


def gcp(folder: Path, more: str) -> str:
    return (
        f'url("%0/") time-reopen(0.05) cloud-auth(gcp(service-account('
        f'key("{folder}/key.json") {more})))'
    )


async def test_a_service_account_signs_its_own_tokens(
    tmp_path: Path, account: rsa.RSAPrivateKey
):
    refused = iter([200, 200, 401, 200])
    options = gcp(tmp_path, 'audience("https://a/") scope("s")')
    async with HttpScene(tmp_path, options, lambda _: Response(next(refused))) as scene:
        wall_s = 1_000_000
        scene.environment.now = lambda: UnixNanos(wall_s * 10**9)
        await scene.close()
        await scene.open(options)
        for _ in range(3):
            wall_s += 1
            scene.push([LINE])
            await scene.settled()
        tokens = [item.headers["authorization"] for item in scene[0].requests]
        assert tokens[0] == tokens[1] == tokens[2] != tokens[3]  # after the 401
        head, claims, signature = tokens[0].removeprefix("Bearer ").split(".")
        account.public_key().verify(
            base64.urlsafe_b64decode(signature + "=="),
            f"{head}.{claims}".encode(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
        assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {
            "iss": "me@x",
            "sub": "me@x",
            "aud": "https://a/",
            "scope": "s",
            "iat": 1_000_001,
            "exp": 1_003_601,
        }


@pytest.mark.usefixtures("account")
async def test_a_service_accounts_token_is_made_anew_before_its_end(tmp_path: Path):
    more = 'audience("a") token-validity-duration(1)'
    async with HttpScene(tmp_path, gcp(tmp_path, more), None) as scene:
        for _ in range(2):
            scene.push([LINE])
            await scene.settled()
            await asyncio.sleep(1.1)
        first, second = [item.headers["authorization"] for item in scene[0].requests]
        assert first != second


@pytest.mark.usefixtures("account")
async def test_a_service_account_needs_an_audience_and_a_good_key(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"neither audience\(\) nor scope\(\)"):
        async with HttpScene(tmp_path, gcp(tmp_path, ""), None):
            pass
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(LogferryError, match="is no key file"):
        async with HttpScene(tmp_path, gcp(tmp_path, 'audience("a")'), None):
            pass


async def test_azure_auth_header_signs_length_type_date_and_path(tmp_path: Path):
    options = (
        'url("%0/api/logs") body("{}") '
        'azure-auth-header(workspace-id("w") secret("c2VjcmV0"))'
    )
    async with HttpScene(tmp_path, options, None) as scene:
        scene.push([LINE])
        await scene.settled()
        headers = scene[0].requests[0].headers
        signed = (
            f"POST\n2\napplication/json\nx-ms-date:{headers['x-ms-date']}\n/api/logs"
        )
        digest = hmac.new(b"secret", signed.encode(), "sha256").digest()
        pair = base64.b64encode(digest).decode()
        assert headers["authorization"] == f"SharedKey w:{pair}"
        assert headers["content-type"] == "application/json"


SIGNATURE = """
class Signature:
    statuses = []
    def __init__(self, options):
        self.key = options["key"]
    def get_headers(self, body, headers):
        if "bad" in body:
            raise ValueError("no")
        assert any(item.startswith("User-Agent: ") for item in headers)
        return [f"X-Signature: {self.key}-{len(body)}"]
    def on_http_response_received(self, http_code):
        Signature.statuses.append(http_code)
"""


def python(folder: Path, more: str = "") -> str:
    (folder / "signing_for_tests.py").write_text(SIGNATURE)
    return (
        'url("%0/") time-reopen(0.05) python-http-header('
        f'class("signing_for_tests.Signature") options("key" => "k7") {more})'
    )


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


async def test_a_class_makes_headers_from_the_body(importable: Path):
    async with HttpScene(importable, python(importable), None) as scene:
        scene.push([LINE])
        await scene.settled()
        assert scene[0].requests[0].headers["x-signature"] == "k7-5"
        import signing_for_tests  # made by the test

        assert signing_for_tests.Signature.statuses[-1] == 200


@pytest.mark.parametrize(
    ("more", "sent"), [("", 0), ("mark-errors-as-critical(no)", 1)]
)
async def test_a_class_that_fails_stops_the_request_unless_told_otherwise(
    importable: Path, more: str, sent: int
):
    async with HttpScene(importable, python(importable, more), None) as scene:
        scene.push([b"<13>Oct 11 22:14:15 h a: bad"])
        await asyncio.sleep(0.15)
        assert len(scene[0].requests) == sent
        assert scene.queue.count == 1 - sent


async def test_an_unknown_class_is_a_configuration_error(tmp_path: Path):
    scene = HttpScene(tmp_path, "")
    with pytest.raises(ConfigError, match="nowhere"):
        await scene.open('python-http-header(class("nowhere.Nothing"))')
