"""The ``python()`` destination."""
