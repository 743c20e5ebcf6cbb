"""URLs of requests, of all clusters and of one."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.request import RequestView

ONE = "request/<uuid:request_id>"
OF_CLUSTER = "cluster/<fsid:fsid>"

urlpatterns = [
    path("request", RequestView.as_view({"get": "list"}), name="request-list"),
    path(ONE, RequestView.as_view({"get": "retrieve"}), name="request"),
    path(f"{ONE}/cancel", RequestView.as_view({"post": "cancel"}), name="request-cancel"),
    path(f"{OF_CLUSTER}/request", RequestView.as_view({"get": "list_of_cluster"}), name="cluster-request-list"),
    path(f"{OF_CLUSTER}/{ONE}", RequestView.as_view({"get": "retrieve_of_cluster"}), name="cluster-request"),
    path(
        f"{OF_CLUSTER}/{ONE}/cancel",
        RequestView.as_view({"post": "cancel_of_cluster"}),
        name="cluster-request-cancel",
    ),
]
