#!/usr/bin/env python3
"""Django's command line for this project: `manage.py migrate`, `create_admin`, `cthulhu`, ..."""

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  (needs the variable above)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
