"""URLs of login, logout and tokens. Clients of Calamari use the first two with and without a slash at the end."""

from django.urls import path

from calamari_rest.views.auth import LoginView, LogoutView, TokenView

urlpatterns = [
    path("auth/login", LoginView.as_view(), name="login"),
    path("auth/login/", LoginView.as_view(schema=None)),
    path("auth/logout", LogoutView.as_view(), name="logout"),
    path("auth/logout/", LogoutView.as_view(schema=None)),
    path("auth/token", TokenView.as_view(), name="token"),
]
