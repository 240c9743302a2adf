"""The ``file()`` destination."""
