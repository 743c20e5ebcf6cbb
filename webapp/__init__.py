"""The outermost layer: Django settings, URL roots, the ASGI entry, the Celery application and the plain start page."""
