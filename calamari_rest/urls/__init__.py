"""The URLs of `/api/v2`, one module per resource."""

from calamari_rest.urls import auth, cluster, event, health, info, mon, osd, pool, request, schema, stream, sync_object

urlpatterns = [
    *info.urlpatterns,
    *auth.urlpatterns,
    *cluster.urlpatterns,
    *health.urlpatterns,
    *osd.urlpatterns,
    *pool.urlpatterns,
    *mon.urlpatterns,
    *sync_object.urlpatterns,
    *request.urlpatterns,
    *event.urlpatterns,
    *stream.urlpatterns,
    *schema.urlpatterns,
]
