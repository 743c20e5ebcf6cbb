"""URLs of OSDs."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.osd import OsdView

OSDS = "cluster/<fsid:fsid>/osd"
OSD = f"{OSDS}/<number:osd_id>"

urlpatterns = [
    path(OSDS, OsdView.as_view({"get": "list"}), name="osd-list"),
    path(f"{OSDS}/command", OsdView.as_view({"get": "implemented_commands"}), name="osd-commands"),
    path(OSD, OsdView.as_view({"get": "retrieve", "patch": "partial_update"}), name="osd"),
    path(f"{OSD}/command", OsdView.as_view({"get": "valid_commands"}), name="osd-valid-commands"),
    path(
        f"{OSD}/command/<command:command>",
        OsdView.as_view({"get": "validate_command", "post": "apply_command"}),
        name="osd-command",
    ),
]
