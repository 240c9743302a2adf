"""
Tokens of Google's cloud that a service account makes itself.

``cloud-auth(gcp(service-account(key("account.json") audience("…"))))``: a statement
that the key of the account has signed is a token (AIP-4111 of Google, RFC 7519 with
RS256); nobody need be asked. It is used for ``token-validity-duration()`` and made anew
a minute before its end. Signing needs the package ``cryptography``, an extra of ours.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from logferry.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from multidict import CIMultiDict

    from logferry.destinations.http.auth_options import GcpServiceAccountOptions
    from logferry.message.model import UnixNanos

__all__ = ["ServiceAccount"]

_RENEWED_BEFORE_S: Final = 60.0


class ServiceAccount:
    """
    An account with a key file.

    Args:
        options: of ``service-account()``.
        clock: monotonic seconds.
        now: the wall clock, which statements carry.

    Raises ``ResponseError`` when the key file cannot be used.

    """

    def __init__(
        self,
        options: GcpServiceAccountOptions,
        clock: Callable[[], float],
        now: Callable[[], UnixNanos],
    ) -> None:
        from cryptography.hazmat.primitives import serialization

        self._options = options
        self._clock = clock
        self._now = now
        self._token = ""
        self._ends_at = 0.0
        self._was_refused = False
        try:
            account = orjson.loads(Path(options.key).read_bytes())
            self._name = str(account["client_email"])
            self._key_id = str(account.get("private_key_id", ""))
            self._key: Any = serialization.load_pem_private_key(
                account["private_key"].encode(), None
            )
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ResponseError(f"{options.key} is no key file: {error!r}") from error

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return the header with the token."""
        del body, headers
        if not self._token or self._clock() >= self._ends_at:
            lifetime_s = self._options.token_validity_duration
            self._ends_at = self._clock() + max(
                lifetime_s / 2, lifetime_s - _RENEWED_BEFORE_S
            )
            self._token = self._signed()
        return {"Authorization": f"Bearer {self._token}"}

    def _signed(self) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        options, now_s = self._options, self._now() // 1_000_000_000
        head = {"alg": "RS256", "typ": "JWT", "kid": self._key_id}
        claims: dict[str, object] = {
            "iss": self._name,
            "sub": self._name,
            "iat": now_s,
            "exp": now_s + int(options.token_validity_duration),
        }
        if options.audience:
            claims["aud"] = options.audience
        if options.scope:
            claims["scope"] = options.scope
        text = b".".join(_base64url(orjson.dumps(item)) for item in (head, claims))
        signature = self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return (text + b"." + _base64url(signature)).decode("ascii")

    def on_status(self, status: int) -> bool:
        """A 401 means that the token is not good any more: once, with a new one."""
        if status != 401:
            self._was_refused = False
            return False
        is_worth_it = not self._was_refused
        self._was_refused = True
        self._token = ""
        return is_worth_it

    async def close(self) -> None:
        """Nothing to close."""


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
