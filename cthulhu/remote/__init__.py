"""The port to the nodes and its adapters; `cthulhu.remote.salt` is the only code of the project that imports Salt."""
