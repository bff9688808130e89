"""
HTTP message signatures: ours on what we answer and send, a platform's checked where it signs.

Source: RFC 9421 (signatures), RFC 9530 (Content-Digest), RFC 7517 (keys); UCP "Message Signatures": ECDSA with
P-256 or P-384, raw r||s, no `alg`: the key says it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from evertill.refusals import Refusal
from evertill.signing import Signer
from evertill.ucp.discovery import JsonWebKey
from evertill.ucp.errors import refused
from evertill.ucp.profiles import PublicKey

_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256 = ec.ECDSA(hashes.SHA256())
_HASHED = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
_CURVES: dict[str, tuple[ec.EllipticCurve, ec.ECDSA, int]] = {
    "P-256": (ec.SECP256R1(), _SHA256, 32),
    "P-384": (ec.SECP384R1(), ec.ECDSA(hashes.SHA384()), 48),
}
# sig1=("@method" "@path");keyid="k"
_INPUT = re.compile(r'^([a-z*][a-z0-9_.*-]*)=(\(((?:"[^"]*"(?:;[a-z]+)* ?)*)\)((?:;[^,]*)*))$')
_KEY_ID = re.compile(r';keyid="([^"]{1,200})"')


class SigningKey:
    """The shop's own key, the same in every worker and on every machine that shares the shop's secret."""

    def __init__(self, signer: Signer) -> None:
        number = int.from_bytes(signer.key("ucp message signatures"), "big") % (_ORDER_P256 - 1) + 1
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        public = self._key.public_key().public_numbers()
        x, y = (_unpadded(value.to_bytes(32, "big")) for value in (public.x, public.y))
        self.id = hashlib.sha256(f"{x}.{y}".encode()).hexdigest()[:16]
        self.public = JsonWebKey(self.id, "EC", "P-256", x, y, "sig", "ES256")
        self._on_answers = f'("@status" "content-digest" "content-type");keyid="{self.id}"'

    def on_answer(self, status: int, content_type: str, body: bytes) -> list[tuple[bytes, bytes]]:
        """The headers that sign an answer."""
        digest = content_digest(body)
        text = (
            f'"@status": {status}\n"content-digest": {digest}\n"content-type": {content_type}\n'
            f'"@signature-params": {self._on_answers}'
        )
        return [
            (b"content-digest", digest.encode()),
            (b"signature-input", b"sig1=" + self._on_answers.encode()),
            (b"signature", f"sig1=:{self._sign(text)}:".encode()),
        ]

    def on_request(self, components: Sequence[tuple[str, str]]) -> dict[str, str]:
        """The headers that sign a request of ours by these components, name and value."""
        covered = " ".join(f'"{name}"' for name, _ in components)
        parameters = f'({covered});keyid="{self.id}"'
        lines = [f'"{name}": {value}' for name, value in components]
        text = "\n".join([*lines, f'"@signature-params": {parameters}'])
        return {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{self._sign(text)}:"}

    def _sign(self, text: str) -> str:
        # Hashed here: the library takes a quarter longer to sign what it has to hash itself.
        digest = hashlib.sha256(text.encode()).digest()
        r, s = utils.decode_dss_signature(self._key.sign(digest, _HASHED))
        return base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()


def content_digest(body: bytes) -> str:
    """The Content-Digest of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_request(
    *, method: str, authority: str, path: str, query: str, headers: Mapping[str, str], body: bytes,
    keys: Sequence[PublicKey],
) -> None:  # fmt: skip
    """
    Check a platform's signature on its request.

    Args:
        authority: Host and port as they were called.

        query: Without its question mark; "" where there is none.

        headers: By lower-case name.

        keys: Those in the platform's profile.

    Raises:
        Refusal: 401 or 400, with the code the standard names.
    """
    stated, signature = headers.get("signature-input"), headers.get("signature")
    if stated is None or signature is None:
        raise _missing("Signature and Signature-Input come together.")
    found = _INPUT.match(stated)
    key_id = _KEY_ID.search(found[4]) if found else None
    if found is None or key_id is None:
        raise _missing("Signature-Input must name the signed components and a keyid.")
    covered = re.findall(r'"([^"]*)"', found[3])
    key = next((key for key in keys if key.kid == key_id[1]), None)
    if key is None:
        raise refused(401, "key_not_found", "The signature's key is not in the platform's profile.")
    if key.kty != "EC" or key.crv not in _CURVES:
        raise refused(400, "algorithm_unsupported", "Signatures are checked with EC keys on P-256 or P-384.")
    if body and headers.get("content-digest", "") != content_digest(body):
        raise refused(400, "digest_mismatch", "The Content-Digest is not that of the body.")
    _check_covered(covered, headers, query=query, body=body)
    values = {"@method": method, "@authority": authority.lower(), "@path": path, "@query": f"?{query}"}
    lines = []
    for name in covered:
        value = values.get(name, headers.get(name))
        if value is None:
            raise _missing(f"The signed header {name[:40]} is not there.")
        lines.append(f'"{name}": {value}')
    text = "\n".join([*lines, f'"@signature-params": {found[2]}'])
    if not _holds(key, text.encode(), _bytes_of(signature, found[1])):
        raise refused(401, "signature_invalid", "The signature does not hold.")


def _check_covered(covered: Sequence[str], headers: Mapping[str, str], *, query: str, body: bytes) -> None:
    """What must be signed is: a signature of less would say nothing of the request."""
    needed = ["@method", "@authority", "@path", "ucp-agent"]
    if query:
        needed.append("@query")
    if body:
        needed += ["content-digest", "content-type"]
    if "idempotency-key" in headers:
        needed.append("idempotency-key")
    left_out = [name for name in needed if name not in covered]
    if left_out:
        raise _missing(f"The signature must cover {', '.join(left_out)}.")


def _holds(key: PublicKey, text: bytes, signature: bytes) -> bool:
    _, algorithm, size = _CURVES[key.crv]
    public = _public(key)
    if public is None or len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    try:
        public.verify(utils.encode_dss_signature(r, s), text, algorithm)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _public(key: PublicKey) -> ec.EllipticCurvePublicKey | None:
    """A platform's key, None where its numbers are no point of its curve."""
    try:
        x, y = (
            int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big") for text in (key.x, key.y)
        )
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[key.crv][0]).public_key()
    except ValueError:
        return None


def _bytes_of(header: str, label: str) -> bytes:
    """One signature of a Signature header; empty where it is not there."""
    found = re.search(rf"(?:^|,\s*){re.escape(label)}=:([A-Za-z0-9+/=]*):", header)
    try:
        return base64.b64decode(found[1], validate=True) if found else b""
    except ValueError:
        return b""


def _missing(sentence: str) -> Refusal:
    return refused(401, "signature_missing", sentence)


def _unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
