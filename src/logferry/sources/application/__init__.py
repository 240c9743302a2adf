"""The ``application()`` source: messages of the program that logferry runs in."""
