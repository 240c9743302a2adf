"""Bytes to messages and back: framing, RFC 3164, RFC 5424; incremental, no I/O."""
