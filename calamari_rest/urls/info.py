"""URLs of the server itself."""

from django.urls import path

from calamari_rest.views.info import InfoView

urlpatterns = [path("info", InfoView.as_view(), name="info")]
