"""The ``wildcard-file()`` source."""
