"""The URL roots."""

from django.urls import include, path

from calamari_rest.urls import probes
from webapp.home import home

urlpatterns = [
    path("", home, name="home"),
    path("api/v2/", include("calamari_rest.urls")),
    *probes.urlpatterns,
]

handler400 = "calamari_rest.views.faults.bad_request"
handler403 = "calamari_rest.views.faults.permission_denied"
handler404 = "calamari_rest.views.faults.page_not_found"
handler500 = "calamari_rest.views.faults.server_error"
