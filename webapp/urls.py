"""The URL roots."""

from django.urls import include, path

urlpatterns = [
    path("api/v2/", include("calamari_rest.urls")),
]
