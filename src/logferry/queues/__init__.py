"""Bounded, acknowledged, rewindable queues of record batches."""
