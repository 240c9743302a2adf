"""The ``stdin()`` source."""
