"""The ``python()`` and ``python-fetcher()`` sources."""
