"""URL of the OpenAPI document."""

from django.urls import path

from calamari_rest.views.schema import SchemaView

urlpatterns = [path("schema", SchemaView.as_view(), name="schema")]
