"""URL of a cluster's health."""

from django.urls import path

from calamari_rest.urls import converters  # noqa: F401
from calamari_rest.views.health import HealthView

urlpatterns = [path("cluster/<fsid:fsid>/health", HealthView.as_view(), name="health")]
