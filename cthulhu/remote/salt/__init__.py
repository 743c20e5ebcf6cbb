"""The nodes as a Salt master sees them: the only package of the project that imports Salt.

`remote.SaltRemote` implements `cthulhu.remote.port.Remote`; `keys` is the only place where minion keys are accepted.
What the nodes run lies in the folder `salt/` of the project's root, which is no Python package and imports nothing here.
"""
