"""Jobs and maps through a real master, real minions and a real cluster."""

import uuid

from tests.salt.listener import Listener
from tests.salt.small_ceph import SmallCeph


def test_a_command_runs_once_and_the_cluster_says_so(cluster: SmallCeph, nodes: Listener) -> None:
    request = str(uuid.uuid4())

    result = nodes.run(request, {"prefix": "osd out", "ids": ["1"]})

    assert result["outcome"] == "done", result
    print(result)
    dump = cluster.ceph("osd", "dump")
    assert dump["osds"][1]["in"] == 0
    assert result["epoch"] <= dump["epoch"]
    for line in cluster.audit(request):
        print(line)
    audit = nodes.call("node2", "ceph.find_in_audit", request_id=request, step=0)
    print(audit)
