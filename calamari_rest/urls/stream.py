"""URL of the live stream."""

from django.urls import path

from calamari_rest.views.stream import StreamView

urlpatterns = [path("stream", StreamView.as_view(), name="stream")]
