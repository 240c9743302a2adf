"""The ``network()`` and ``syslog()`` sources: TCP, TLS and UDP."""
