"""URLs of clusters."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.cluster import ClusterView

urlpatterns = [
    path("cluster", ClusterView.as_view({"get": "list"}), name="cluster-list"),
    path("cluster/<fsid:fsid>", ClusterView.as_view({"get": "retrieve"}), name="cluster"),
]
