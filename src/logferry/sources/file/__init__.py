"""The ``file()`` source, and what follows files for ``wildcard-file()``."""
