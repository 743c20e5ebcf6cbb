"""The running service: Manager, one ClusterMonitor per cluster, and what they are made of.

Data flows one way: the remote port's events come in at `manager`, pass through the `cluster_monitor` they concern, and
leave by `publisher` (version vector, stored rows), `relay` (live stream) and `service` (RPC answers).
"""
