"""Platforms that call the shop, as a conformance test needs them: profiles served from this machine."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric import ec

VERSION = "2026-04-08"


def profile(*capabilities: str, version: str = VERSION, keys: list[dict[str, str]] | None = None) -> dict[str, object]:
    """A platform's profile with these capabilities."""
    return {
        "ucp": {
            "version": version,
            "services": {"dev.ucp.shopping": [{"version": VERSION, "transport": "rest"}]},
            "capabilities": {name: [{"version": VERSION}] for name in capabilities},
            "payment_handlers": {},
        },
        "signing_keys": keys or [],
    }


def new_key(kid: str) -> dict[str, str]:
    """A fresh P-256 key as a JSON Web Key, its private part `d` included."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    values = {"x": public.x, "y": public.y, "d": numbers.private_value}
    encoded = {name: base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=") for name, value in values.items()}
    return {"kid": kid, "kty": "EC", "crv": "P-256", **{name: value.decode() for name, value in encoded.items()}}


def public_part(key: dict[str, str]) -> dict[str, str]:
    """What of a key may be shown."""
    return {name: value for name, value in key.items() if name != "d"}


SHOPPING = tuple(f"dev.ucp.shopping.{word}" for word in ("checkout", "order", "fulfillment", "discount"))


@contextmanager
def served_profiles(documents: dict[str, object]) -> Iterator[str]:
    """Profiles by file name, a text as it is; yields the address they are served at. Anything else is 404."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = documents.get(self.path.lstrip("/"))
            body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
