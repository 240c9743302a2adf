"""Counters and internal events, as data; nothing here prints or counts twice."""
