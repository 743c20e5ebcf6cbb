"""URLs of sync objects."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.sync_object import SyncObjectView

urlpatterns = [
    path("cluster/<fsid:fsid>/sync_object", SyncObjectView.as_view({"get": "list"}), name="sync-object-list"),
    path(
        "cluster/<fsid:fsid>/sync_object/<name:name>", SyncObjectView.as_view({"get": "retrieve"}), name="sync-object"
    ),
]
