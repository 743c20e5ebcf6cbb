"""What a cluster's monitors say about it: sync objects, their versions, and the rows the API shows of them.

Pure: given the same maps, everything here gives the same answers. `cthulhu.monitor` feeds it and publishes what moved.
"""
