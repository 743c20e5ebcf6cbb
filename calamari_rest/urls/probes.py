"""URLs outside `/api`, at the server's root."""

from django.urls import path

from calamari_rest.views.probes import HealthzView, MetricsView, ReadyzView

urlpatterns = [
    path("healthz", HealthzView.as_view(), name="healthz"),
    path("readyz", ReadyzView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
