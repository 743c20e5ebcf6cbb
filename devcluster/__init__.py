"""A real small Ceph cluster, its Salt and Calamari itself on this machine: what `make run` starts.

`python -m devcluster --help` lists the commands; tests use `devcluster.client.DevCluster`.
"""
