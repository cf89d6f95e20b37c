"""A small identity provider (OpenID Connect) on this machine: it asks nothing and says of everybody what a test told it to."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from threading import Thread
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT, SECRET = "pushcart", "a secret of the provider and the shop"


@dataclass
class IdentityProvider:
    """`email` and `verified` are what it says of whoever comes next."""

    port: int = 0
    email: str = ""
    verified: bool = True
    key: jwk.RSAKey = field(default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def authorize(self, said: dict[str, str]) -> str:
        """Where the browser is sent back to, with a code."""
        code = token_hex(8)
        self.asked[code] = said
        return f"{said['redirect_uri']}?{urlencode({'code': code, 'state': said['state']})}"

    def token(self, said: dict[str, str]) -> dict[str, Any]:
        """What the shop gets for a code: it works once, and for whoever began."""
        asked = self.asked.pop(said["code"])
        challenge = urlsafe_b64encode(sha256(said["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert asked["code_challenge"] == challenge
        now = int(time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": self.email, "email": self.email, "email_verified": self.verified,
            "nonce": asked["nonce"], "iat": now, "exp": now + 300,
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": token_hex(8), "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def at_work() -> Iterator[IdentityProvider]:
    """One that answers for as long as the block lasts."""
    provider = IdentityProvider()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(_fields(asked.query)))
                self.end_headers()
            elif asked.path == "/keys":
                self._say({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._say(provider.metadata())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say(provider.token(_fields(body)))

        def _say(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing of it is of use."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        provider.port = server.server_address[1]
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield provider
        server.shutdown()
        serving.join()


def _fields(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
