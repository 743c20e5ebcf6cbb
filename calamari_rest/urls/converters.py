"""What may stand for an id in a URL; anything else leads nowhere (404). Importing this registers the converters."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class FsidConverter(StringConverter):
    """Id of a cluster."""

    regex = "[0-9a-zA-Z-]{1,36}"


class NumberConverter(StringConverter):
    """Id of an OSD or a pool, kept as text: how many digits it may have is for the rows to decide."""

    regex = "[0-9]{1,64}"


class NameConverter(StringConverter):
    """Name of a monitor or a sync object."""

    regex = "[0-9a-zA-Z._-]{1,255}"


class CommandConverter(StringConverter):
    """Name of a command."""

    regex = "[a-zA-Z_]{1,64}"


register_converter(FsidConverter, "fsid")
register_converter(NumberConverter, "number")
register_converter(NameConverter, "name")
register_converter(CommandConverter, "command")
