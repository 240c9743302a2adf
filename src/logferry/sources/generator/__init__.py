"""The ``example-msg-generator()`` source."""
