"""URLs of pools."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.pool import PoolView

urlpatterns = [
    path("cluster/<fsid:fsid>/pool", PoolView.as_view({"get": "list"}), name="pool-list"),
    path("cluster/<fsid:fsid>/pool/<number:pool_id>", PoolView.as_view({"get": "retrieve"}), name="pool"),
]
