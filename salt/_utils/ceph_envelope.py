"""Sign what a node says, so that the server can tell it from what another minion says in its name.

Salt alone does not: a minion may put arbitrary data under any tag on the master's event bus (the `events` list of
`_minion_event`). The signature is made with the minion's own private key, whose public half the master accepted.
"""

import json
from pathlib import Path

LIBRARIES = False
try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    LIBRARIES = True
except ImportError:
    pass

_keys = {}


def __virtual__():
    """Serve minions only: Salt itself depends on cryptography, the node's own Python may lack it."""
    return LIBRARIES or (False, "the cryptography library is missing")


def seal(pki_dir, body):
    """Return the envelope of a message.

    Args:
        pki_dir: the minion's, with `minion.pem`.
        body: dict of JSON values.

    Returns:
        {"body": JSON text, "signature": hex of RSA PKCS#1 v1.5 over SHA-256 of that text}
    """
    text = json.dumps(body)
    signature = _private_key(Path(pki_dir) / "minion.pem").sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"body": text, "signature": signature.hex()}


def _private_key(path):
    """Return the key, read again when its file changed."""
    changed = path.stat().st_mtime_ns
    if _keys.get(path, (None, None))[0] != changed:
        _keys[path] = (changed, serialization.load_pem_private_key(path.read_bytes(), password=None))
    return _keys[path][1]
