"""Pools."""

from rest_framework import serializers


class PoolSerializer(serializers.Serializer):
    """One pool as the OSD map describes it."""

    id = serializers.IntegerField(help_text="Number of the pool.")
    name = serializers.CharField(help_text="Name, unique in the cluster.")
    type = serializers.CharField(help_text="How its objects survive losses: replicated or erasure.")
    size = serializers.IntegerField(help_text="Copies (or chunks) of each object.")
    min_size = serializers.IntegerField(help_text="Copies that have to be there for I/O to go on.")
    pg_num = serializers.IntegerField(help_text="Number of placement groups.")
    pgp_num = serializers.IntegerField(help_text="Number of placement groups that placement reckons with.")
    crush_rule = serializers.IntegerField(help_text="Id of the CRUSH rule that places it.")
    crush_ruleset = serializers.IntegerField(help_text="The same, under the name it had before Ceph 12.")
    crash_replay_interval = serializers.IntegerField(help_text="Always 0: Ceph no longer has it.")
    hashpspool = serializers.BooleanField(help_text="Whether placement mixes in the pool's id.")
    full = serializers.BooleanField(help_text="Whether it has reached a quota.")
    quota_max_objects = serializers.IntegerField(help_text="Most objects it may hold, 0 for no limit.")
    quota_max_bytes = serializers.IntegerField(help_text="Most bytes it may hold, 0 for no limit.")
    erasure_code_profile = serializers.CharField(allow_null=True, help_text="Profile of an erasure coded pool.")
    application = serializers.ListField(child=serializers.CharField(), help_text="Applications it is enabled for.")
