"""Destinations on this machine that take bytes: pipes, programs, sockets, terminals."""
