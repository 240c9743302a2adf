"""The ``network()`` and ``syslog()`` destinations: TCP, TLS and UDP, with failover."""
