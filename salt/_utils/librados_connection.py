"""How the node's programs reach Ceph: one librados connection with small timeouts.

Run by the node's own /usr/bin/python3, the only interpreter that Debian's python3-rados serves; imported by
`librados_reader.py` and `librados_change.py` beside it. Salt's loader may import this file too, with an interpreter
that has no `rados`, hence the import inside the function.
"""

import json

# A monitor that does not answer must be left within a few seconds: librados' own defaults wait for minutes.
PATIENCE = {
    "client_mount_timeout": "3",
    "rados_mon_op_timeout": "3",
    "mon_client_hunt_interval": "1",
    "mon_client_hunt_interval_max_multiple": "2",
    "mon_client_ping_interval": "2",
    "mon_client_ping_timeout": "4",
}
# Nothing of this connection may land in the node's own folders or be answered by another process of its name.
QUIET = {
    "log_file": "/dev/null",
    "log_to_stderr": "false",
    "err_to_stderr": "false",
    "admin_socket": "",
    "pid_file": "",
}


def connect(conf, cluster, name, keyring, **options):
    """Return a connected `rados.Rados`.

    Args:
        conf: path of the cluster's ceph.conf, whose `mon_host` lists every monitor.
        cluster: the cluster's name, for the `$cluster` of the conf.
        name: identity, such as `client.calamari`.
        keyring: path of its keyring.
        options: further Ceph options, which win over those above.

    Raises:
        rados.Error: no monitor answered, or it refused the key.
    """
    import rados  # noqa: PLC0415

    connection = rados.Rados(
        conffile=conf, clustername=cluster, name=name, conf={**PATIENCE, **QUIET, **options, "keyring": keyring}
    )
    connection.connect(timeout=3)
    return connection


def ask(connection, target, command):
    """Send one command and wait for its answer.

    Args:
        connection: what `connect` returned.
        target: `mon`, or `mgr` for the commands that the active manager serves.
        command: dict with `prefix` and the command's arguments.

    Returns:
        (code, output, status): 0 or a negative errno, bytes, text.
    """
    send = connection.mgr_command if target == "mgr" else connection.mon_command
    return send(json.dumps(command), b"")
