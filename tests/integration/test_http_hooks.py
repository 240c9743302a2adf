"""The Python hooks of the examples: signatures and tokens of clouds."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from helpers.http_scene import HttpScene
from helpers.web import Request, Response, WebServer

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"


def block(example: str) -> str:
    """Return the ``python`` block of an example."""
    text = (EXAMPLES / f"{example}.conf").read_text()
    start = text.index("python {")
    return text[start : text.index("\n};\n", start) + 4]


def hook(example: str, name: str) -> type:
    """Return a class of an example's block."""
    names: dict[str, type] = {}
    code = block(example).removeprefix("python {").removesuffix("};\n")
    exec(compile(code, example, "exec"), names)
    return names[name]


# -- Amazon ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_signatures_are_those_of_the_published_examples(
    monkeypatch: pytest.MonkeyPatch, method: str, signature: str
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    options = {"region": "us-east-1", "service": "service", "method": method}
    made = hook("http-aws-sigv4", "SigV4")(
        options | {"url": "https://example.amazonaws.com/"}
    )
    made.now = lambda: datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    assert made.get_headers("", []) == [
        "x-amz-date: 20150830T123600Z",
        (
            "Authorization: AWS4-HMAC-SHA256 "
            "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            f"SignedHeaders=host;x-amz-date, Signature={signature}"
        ),
    ]


@pytest.mark.parametrize("compression", ["identity", "gzip"])
async def test_what_is_signed_is_what_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    async with HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene:
        await scene.close()
        scene.preamble = block("http-aws-sigv4")
        await scene.open(
            f'url("%0/logs") persist-name("p") content-compression({compression}) '
            "force-content-compression(yes) batch-lines(10) "
            'python-http-header(class("SigV4") options("region" => "r" '
            f'"service" => "s3" "url" => "{scene[0].url}/logs"))'
        )
        scene.send(10)
        await scene.settled()
        (request,) = scene[0].requests
        digest = hashlib.sha256(request.body).hexdigest()
        assert request.headers["x-amz-content-sha256"] == digest
        assert request.headers["x-amz-security-token"] == "session"
        assert (
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-sec"
            in (request.headers["authorization"])
        )


# -- Google ---------------------------------------------------------------------------


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_service_account_gets_tokens_for_signed_statements(tmp_path: Path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    statements: list[str] = []

    def give(request: Request) -> Response:
        form = parse_qs(request.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        statements.extend(form["assertion"])
        token = {"access_token": f"t{len(statements)}", "expires_in": 3600}
        return Response(body=json.dumps(token).encode())

    def take(request: Request) -> Response:
        is_good = request.headers["authorization"] == "Bearer t2"
        return Response(200 if is_good else 401)

    async with (
        WebServer("127.0.0.1", give) as tokens,
        HttpScene(tmp_path, 'url("%0/") persist-name("p")', take) as scene,
    ):
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "client_email": "logs@mine",
            "private_key": pem.decode(),
            "private_key_id": "k1",
            "token_uri": f"{tokens.url}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(account))
        await scene.close()
        scene.preamble = block("http-google-service-account")
        await scene.open(
            'url("%0/") persist-name("p") batch-lines(5) time-reopen(60) '
            'python-http-header(class("ServiceAccount") options('
            f'"key-file" => "{tmp_path}/key.json" "scope" => "write"))'
        )
        for _ in range(3):
            scene.send(5)
            await scene.settled()
        # The first token was refused, and the same request came with a new one.
        assert [item.headers["authorization"] for item in scene[0].requests] == [
            "Bearer t1",
            *["Bearer t2"] * 3,
        ]
        assert scene[0].requests[0].body == scene[0].requests[1].body
        head, claims, signature = statements[0].split(".")
        key.public_key().verify(
            part(signature),
            f"{head}.{claims}".encode(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
        assert json.loads(part(head))["kid"] == "k1"
        found = json.loads(part(claims))
        assert (found["iss"], found["scope"]) == ("logs@mine", "write")
        assert found["aud"] == account["token_uri"]


# -- Azure ----------------------------------------------------------------------------


async def test_a_managed_identity_asks_the_machine_for_a_token(tmp_path: Path):
    def give(request: Request) -> Response:
        assert request.headers["metadata"] == "true"
        query = parse_qs(urlsplit(request.path).query)
        assert query["resource"] == ["https://monitor.azure.com"]
        assert query["client_id"] == ["c1"]
        return Response(body=b'{"access_token": "t1", "expires_in": "86399"}')

    async with (
        WebServer("127.0.0.1", give) as tokens,
        HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene,
    ):
        await scene.close()
        scene.preamble = block("http-azure-identity")
        await scene.open(
            'url("%0/") persist-name("p") batch-lines(5) workers(3) '
            'python-http-header(class("ManagedIdentity") options('
            f'"metadata-url" => "{tokens.url}/t" "client-id" => "c1" '
            '"resource" => "https://monitor.azure.com"))'
        )
        scene.send(50)
        await scene.settled()
        found = {item.headers["authorization"] for item in scene[0].requests}
        assert found == {"Bearer t1"}
        assert len(tokens.requests) == 1


async def test_messages_wait_while_a_hook_has_no_token(tmp_path: Path):
    async with (
        WebServer("127.0.0.1", lambda _: Response(500)) as tokens,
        HttpScene(tmp_path, 'url("%0/") persist-name("p")', None) as scene,
    ):
        await scene.close()
        scene.preamble = block("http-azure-identity")
        await scene.open(
            'url("%0/") persist-name("p") batch-lines(5) time-reopen(0.05) '
            'python-http-header(class("ManagedIdentity") options('
            f'"metadata-url" => "{tokens.url}/t" "resource" => "r"))'
        )
        scene.send(5)
        await tokens.wait_for_requests(3)
        assert scene.queue.count == 5
        assert not scene[0].requests
        assert any("headers cannot be made" in line for line in scene.log.lines())
        token = b'{"access_token": "t1", "expires_in": 60}'
        tokens.script = lambda _: Response(body=token)
        await scene.settled()
