"""About the server."""

from rest_framework import serializers


class InfoSerializer(serializers.Serializer):
    """This server. Fields that Calamari had and that have no meaning any more are N/A or null."""

    version = serializers.CharField(help_text="Version of the server.")
    license = serializers.CharField(help_text="Always N/A: nothing has to be registered.")
    registered = serializers.CharField(help_text="Always N/A.")
    hostname = serializers.CharField(allow_null=True, help_text="Short name of the host.")
    fqdn = serializers.CharField(allow_null=True, help_text="Full name of the host.")
    ipaddr = serializers.CharField(allow_null=True, help_text="Address that the name resolves to.")
    bootstrap_url = serializers.CharField(
        allow_null=True, help_text="Always null: nodes are not added by running a downloaded script."
    )
    bootstrap_ubuntu = serializers.CharField(allow_null=True, help_text="Always null.")
    bootstrap_rhel = serializers.CharField(allow_null=True, help_text="Always null.")
