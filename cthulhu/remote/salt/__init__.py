"""The nodes as a Salt master sees them: the only package of the project that imports Salt.

`remote.SaltRemote` implements `cthulhu.remote.port.Remote`; `keys` is the only place where minion keys are accepted.
What the nodes run lies in the folder `salt/` of the project's root, no Python package; it imports nothing of the
project.
"""

import logging

# When nobody has set up logging yet, the first import of Salt sets the root logger to its lowest level and gives it a
# handler on stderr. With a handler in place it leaves both alone.
_placeholder = logging.NullHandler()
logging.root.addHandler(_placeholder)
import salt._logging  # noqa: E402, F401

logging.root.removeHandler(_placeholder)
# Salt reports every failure by an exception, too, which becomes one of ours; its own lines would repeat it on each
# retry.
logging.getLogger("salt").setLevel(logging.CRITICAL)
