"""Sockets, TLS, clocks and tasks: the only place that catches OSError."""
