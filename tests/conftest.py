"""What all tests share."""

import sys

import hypothesis

import cthulhu.remote.salt  # noqa: F401

# Importing Salt puts a finder of the old kind (no `find_spec`) on sys.meta_path, which pytest's import mode trips over.
sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("calamari", deadline=None)
hypothesis.settings.load_profile("calamari")
