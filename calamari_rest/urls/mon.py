"""URLs of monitors."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.mon import MonView

urlpatterns = [
    path("cluster/<fsid:fsid>/mon", MonView.as_view({"get": "list"}), name="mon-list"),
    path("cluster/<fsid:fsid>/mon/<name:name>", MonView.as_view({"get": "retrieve"}), name="mon"),
    path("cluster/<fsid:fsid>/mon/<name:name>/status", MonView.as_view({"get": "status"}), name="mon-status"),
]
