"""The ``program()`` source."""
