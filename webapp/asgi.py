"""The entry of the web server; `manage.py web` runs it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

_django = get_asgi_application()

from calamari_rest.body_limit import BodyLimit  # noqa: E402  (Django has to be set up first)

application = BodyLimit(_django)  # type: ignore[arg-type]
