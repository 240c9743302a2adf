"""The ``internal()`` source: what the program itself has to say."""
