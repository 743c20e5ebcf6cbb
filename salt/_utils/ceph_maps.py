"""The cluster maps and reports that a node can push: the command behind each, its version, its marks of change.

Used by `librados_reader.py`, next to the connection, so that only what changed leaves the process.
Standard library only. The commands and fields are those of Ceph 16.2 (`ceph --format json ...`).
"""

import hashlib
import json

# map -> (target, command prefix and arguments, field that is its version; None: its content's digest)
MAPS = {
    "osd_map": ("mon", {"prefix": "osd dump"}, "epoch"),
    "crush_map": ("mon", {"prefix": "osd crush dump"}, None),
    "osd_metadata": ("mon", {"prefix": "osd metadata"}, None),
    "mon_map": ("mon", {"prefix": "mon dump"}, "epoch"),
    "mon_status": ("mon", {"prefix": "quorum_status"}, "election_epoch"),
    "mgr_map": ("mon", {"prefix": "mgr dump"}, "epoch"),
    "fs_map": ("mon", {"prefix": "fs dump"}, "epoch"),
    "health": ("mon", {"prefix": "health", "detail": "detail"}, None),
    "df": ("mon", {"prefix": "df", "detail": "detail"}, None),
    "config": ("mon", {"prefix": "config dump"}, None),
    "service_map": ("mgr", {"prefix": "service dump"}, "epoch"),
    "pg_summary": ("mgr", {"prefix": "pg dump", "dumpcontents": ["pgs_brief"]}, None),
}
NO_OSD = 2**31 - 1  # CRUSH_ITEM_NONE: a hole in an erasure-coded PG's acting set


def read(name, output):
    """Turn a command's raw output into what is pushed.

    Args:
        name: a key of MAPS.
        output: bytes from the daemon. Pool names and the like need not be UTF-8: what is not is replaced.

    Returns:
        (content, canonical, version): the parsed content, its JSON as bytes, the epoch (int) or digest (16 hex digits).

    Raises:
        ValueError, KeyError, TypeError: the output is not what the command promises.
    """
    content = json.loads(output.decode("utf-8", "replace"))
    if name == "pg_summary":
        content = pg_summary(content)
    # A lone surrogate, which a daemon can smuggle in as an escape, is no text that others could read.
    canonical = _canonical(content).encode("utf-8", "replace")
    field = MAPS[name][2]
    version = content[field] if field else _digest(canonical)
    if field and (isinstance(version, bool) or not isinstance(version, int)):
        raise TypeError(f"the version of {name} is not a number")
    return content, canonical, version


def pg_summary(dump):
    """Count PGs by state: for each OSD (of their acting sets), each pool, and all.

    Args:
        dump: parsed `pg dump pgs_brief`, a list or, since Nautilus, a dict with `pg_stats`.

    Returns:
        {"by_osd": {id: {state: count}}, "by_pool": {id: {state: count}}, "all": {state: count}}; ids are strings as
        JSON demands, `state` is the whole string, such as `active+clean`.
    """
    by_osd, by_pool, everything = {}, {}, {}
    for pg in dump["pg_stats"] if isinstance(dump, dict) else dump:
        state = pg["state"]
        everything[state] = everything.get(state, 0) + 1
        pool = by_pool.setdefault(pg["pgid"].partition(".")[0], {})
        pool[state] = pool.get(state, 0) + 1
        for osd in pg["acting"]:
            if osd != NO_OSD:
                counts = by_osd.setdefault(str(osd), {})
                counts[state] = counts.get(state, 0) + 1
    return {"by_osd": by_osd, "by_pool": by_pool, "all": everything}


def marks(name, content):
    """Return, for maps whose change makes others worth asking again, one mark per such other map.

    Args:
        name: `osd_map`, or `status` for the parsed `status` command.
        content: the parsed content.

    Returns:
        {map: mark}; a map is worth asking when its mark differs from the last one seen.
    """
    if name == "osd_map":
        starts = {osd["osd"]: osd["up_from"] for osd in content["osds"]}
        return {"crush_map": content["epoch"], "osd_metadata": _digest_of(starts), "health": content["epoch"]}
    if name == "status":
        return _status_marks(content)
    return {}


def _status_marks(status):
    pgs = status.get("pgmap", {})
    usage = ("num_pools", "num_objects", "data_bytes", "bytes_used", "bytes_avail", "bytes_total")
    return {
        "health": _digest_of(status.get("health")),
        "mon_status": status.get("election_epoch"),
        "mon_map": status.get("monmap", {}).get("epoch"),
        "mgr_map": _digest_of(status.get("mgrmap")),
        "fs_map": _digest_of(status.get("fsmap")),
        "service_map": _digest_of(status.get("servicemap")),
        "pg_summary": _digest_of([pgs.get("pgs_by_state"), pgs.get("num_pgs"), pgs.get("num_pools")]),
        "df": _digest_of([pgs.get(field) for field in usage]),
    }


def _canonical(content):
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def _digest_of(content):
    return _digest(_canonical(content).encode("utf-8", "replace"))
