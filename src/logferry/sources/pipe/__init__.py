"""The ``pipe()`` source."""
