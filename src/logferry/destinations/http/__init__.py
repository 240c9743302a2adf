"""The ``http()`` destination: batches to web servers, balanced over targets."""
