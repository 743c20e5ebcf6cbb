"""URLs of events, of all clusters and of one."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.event import EventView

urlpatterns = [
    path("event", EventView.as_view({"get": "list"}), name="event-list"),
    path("cluster/<fsid:fsid>/event", EventView.as_view({"get": "list_of_cluster"}), name="cluster-event-list"),
]
