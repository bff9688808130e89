"""The shop's secret, and what it signs: links and cookies that nobody else can make."""

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import UUID


class Signer:
    """
    Signs short texts with HMAC-SHA256, cut to 128 bits, one key per purpose.

    A purpose ("order-link", "csrf") keeps a signature made for one thing from being used for another.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the shop's secret must be at least 32 bytes long")
        self._secret = secret
        self._keys: dict[str, hmac.HMAC] = {}

    def sign(self, purpose: str, text: str) -> str:
        """The signature of a text for a purpose: 22 URL-safe characters."""
        keyed = self._keys.get(purpose)
        if keyed is None:
            key = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
            keyed = self._keys[purpose] = hmac.new(key, digestmod=hashlib.sha256)
        mac = keyed.copy()
        mac.update(text.encode())
        return base64.urlsafe_b64encode(mac.digest()[:16]).rstrip(b"=").decode()

    def key(self, purpose: str) -> bytes:
        """64 bytes for a purpose, to make another kind of key of. They tell nothing of the secret, nor of `sign`."""
        return hmac.digest(self._secret, purpose.encode(), hashlib.sha512)

    def holds(self, purpose: str, text: str, signature: str) -> bool:
        """Whether that signature is ours, compared in constant time. Any text is a fair question."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode("utf-8", "replace"))

    def seal(self, purpose: str, id_: UUID) -> str:
        """An id as an unguessable public name: 32 hex digits, a dot-free join, and its signature."""
        return f"{id_.hex}-{self.sign(purpose, id_.hex)}"

    def unseal(self, purpose: str, sealed: str) -> UUID | None:
        """The id behind a public name, or None where we did not make that name for that purpose."""
        text, _, signature = sealed.partition("-")
        if len(text) != 32 or not self.holds(purpose, text, signature):
            return None
        return UUID(hex=text)


def new_token() -> str:
    """A secret for one cookie or one link: 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """SHA-256 of a token, all that the tables keep: a stolen table opens no session. Any text is a fair question."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class BadSecret(ValueError):
    """The shop's secret is none. Says where it came from, and nothing of what it is."""


def load_secret(data_dir: Path) -> bytes:
    """
    The shop's secret: from EVERTILL_SECRET (64 or more hex digits), else from DATA/secret, made on first use.

    The file is readable by its owner only. Several machines of one shop share the environment variable.

    Raises:
        BadSecret: It is no hex text of 32 bytes or more.
    """
    from_environment = os.environ.get("EVERTILL_SECRET")
    if from_environment:
        return _secret(from_environment, "setting EVERTILL_SECRET")
    path = data_dir / "secret"
    if not path.exists():
        _make_secret(path)
    return _secret(path.read_text("utf-8", "replace"), f"the secret in {path}")


def _make_secret(path: Path) -> None:
    """Written beside its place and put there whole: a machine that dies meanwhile leaves no half of a secret."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix="secret.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_bytes(32).hex())
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # another process was faster: its secret is the shop's
            os.link(beside, path)
    finally:
        Path(beside).unlink()


def _secret(text: str, name: str) -> bytes:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise BadSecret(f"{name} must be at least 64 hexadecimal digits")
    return secret
