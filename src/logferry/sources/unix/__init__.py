"""The ``unix-stream()``, ``unix-dgram()`` and ``systemd-syslog()`` sources."""
