"""Tell whether a message really comes from the node it names: the counterpart of `salt/_utils/ceph_envelope.py`."""

import time
from typing import Any

import salt.cache
import salt.exceptions
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

# How long a key may be used after its acceptance was last looked up, in seconds.
KEY_LIFETIME = 1.0


class NotAuthentic(Exception):
    """The message is not an envelope, or its signature is not that of the node's accepted key."""


class EnvelopeVerifier:
    """Checks signatures against the keys that the Salt master has accepted.

    A key that is revoked or replaced counts no longer than KEY_LIFETIME. One object serves one thread.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._store = salt.cache.Cache(options, driver=options["keys.cache_driver"])
        self._keys: dict[str, tuple[float, RSAPublicKey | None]] = {}

    def open(self, node: str, envelope: object) -> str:
        """Return the body of a node's envelope.

        Args:
            node: id of the minion that is said to have sent it.
            envelope: anything.

        Raises:
            NotAuthentic: it is not this node's.
        """
        if not isinstance(envelope, dict):
            raise NotAuthentic("it is no envelope")
        body, signature = envelope.get("body"), envelope.get("signature")
        if not isinstance(body, str) or not isinstance(signature, str):
            raise NotAuthentic("it is no envelope")
        key = self._accepted_key(node)
        if key is None:
            raise NotAuthentic("no key of that name is accepted")
        try:
            key.verify(bytes.fromhex(signature), body.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError) as error:
            raise NotAuthentic("the signature is not the node's") from error
        return body

    def _accepted_key(self, node: str) -> RSAPublicKey | None:
        now = time.monotonic()
        looked_up, key = self._keys.get(node, (-KEY_LIFETIME, None))
        if now - looked_up >= KEY_LIFETIME:
            key = self._read_key(node)
            if key is None:
                # Names are the sender's choice: only those of accepted minions may take up memory.
                self._keys.pop(node, None)
                return None
            self._keys[node] = (now, key)
        return key

    def _read_key(self, node: str) -> RSAPublicKey | None:
        try:
            record = self._store.fetch("keys", node)
            if not record or record.get("state") != "accepted":
                return None
            key = load_pem_public_key(record["pub"].encode())
        except (salt.exceptions.SaltException, OSError, ValueError, UnsupportedAlgorithm):
            return None
        return key if isinstance(key, RSAPublicKey) else None
