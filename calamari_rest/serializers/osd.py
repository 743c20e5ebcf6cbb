"""OSDs."""

from rest_framework import serializers

from calamari_rest.serializers.base import StrictBooleanField, StrictNumberField, StrictSerializer


class OsdSerializer(serializers.Serializer):
    """One OSD as the OSD map, the CRUSH map and its own metadata describe it."""

    id = serializers.IntegerField(help_text="Number of the OSD.")
    uuid = serializers.CharField(allow_null=True, help_text="UUID that the OSD was created with.")
    up = serializers.BooleanField(help_text="Whether its daemon runs and is reachable for the others.")
    reweight = serializers.FloatField(help_text="Share of its CRUSH weight that it takes, 0 to 1; 0 means out.")
    server = serializers.CharField(allow_null=True, help_text="Node it runs on, null while unknown.")
    pools = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of pools that may use it.")
    valid_commands = serializers.ListField(
        child=serializers.CharField(), help_text="Commands that can be applied to it now."
    )
    public_addr = serializers.CharField(allow_null=True, help_text="Address for clients, IP:port.")
    cluster_addr = serializers.CharField(allow_null=True, help_text="Address for other OSDs, IP:port.")
    crush_node_ancestry = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="For each place in CRUSH the ids of the buckets above it, from its parent to the root.",
    )
    backend_partition_path = serializers.CharField(allow_null=True, help_text="Device that holds its data.")
    backend_device_node = serializers.CharField(allow_null=True, help_text="Physical device below that.")
    osd_data = serializers.CharField(allow_null=True, help_text="Folder of the daemon.")
    osd_journal = serializers.CharField(allow_null=True, help_text="Journal, for FileStore only.")
    device_class = serializers.CharField(allow_null=True, help_text="Device class in CRUSH, such as hdd or ssd.")
    weight = serializers.FloatField(allow_null=True, help_text="Weight in CRUSH, by convention its size in TiB.")
    state = serializers.ListField(child=serializers.CharField(), help_text="State flags of the OSD map.")

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `in`, which Python does not take as an attribute's name."""
        return {
            **super().get_fields(),
            "in": serializers.BooleanField(help_text="Whether data is placed on it."),
        }


class OsdChangeSerializer(StrictSerializer):
    """What of an OSD can be changed; all fields are optional."""

    reweight = StrictNumberField(
        min_value=0, max_value=1, required=False, help_text="Share of its CRUSH weight that it takes, 0 to 1."
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `in` and `up`; `in` is a name that Python does not take for an attribute."""
        return {
            "in": StrictBooleanField(required=False, help_text="Whether data is to be placed on it."),
            "up": StrictBooleanField(
                required=False, help_text="Only false: marks it down. It comes up again if its daemon runs."
            ),
            **super().get_fields(),
        }

    def validate_up(self, value: bool) -> bool:
        """Refuse what no command can do."""
        if value:
            raise serializers.ValidationError("An OSD cannot be marked up: it comes up when its daemon starts.")
        return value


class CommandValiditySerializer(serializers.Serializer):
    """Whether a command could be applied."""

    valid = serializers.BooleanField(help_text="Whether the command can be applied to the OSD as it is now.")
