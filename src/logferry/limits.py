"""
Every bound of the program that is not an option, with its unit and its reason.

Bounds that users may set are options (``config/schema.py``); their defaults live in
the option descriptors.
"""

from __future__ import annotations

from typing import Final

READ_SIZE_BYTES: Final = 128 * 1024
"""
What one read asks for.

Large enough that the cost of a wake-up is spread over hundreds of messages, small
enough that a chunk, its rows and its records stay in a core's L2 cache together.
"""

BATCH_SIZE_BYTES_MAX: Final = 256 * 1024
"""The largest batch made for a queue: one read, plus what rendering adds."""

FRAME_HEADER_DIGITS_MAX: Final = 10
"""Digits of an RFC 6587 octet count; the reference allows ten."""

FRAME_LENGTH_MAX: Final = 9_999_999
"""Longest octet-counted frame we send, in bytes; longer ones are cut (reference)."""

CONFIG_INCLUDE_DEPTH_MAX: Final = 64
"""Nested ``@include``: deeper is a cycle in practice."""

CONFIG_EXPANSION_TOKENS_MAX: Final = 200_000
"""
Words and signs that blocks may expand to in all: stops exponential expansion.

A block of the library has about fifty; at this limit reading takes half a second and
80 MB.
"""

CONFIG_EXPANSION_TEXT_MAX: Final = 256 * 1024
"""Characters of one text that backticks stand in, for the same reason."""

CONFIG_ALL_EXPANSION_TEXT_MAX: Final = 16 * 1024 * 1024
"""Characters of all such texts together."""

CONFIG_REFERENCES_MAX: Final = 10_000
"""Statements that one may stand for, through all its references; templates, too."""

CONFIG_ALL_REFERENCES_MAX: Final = 1_000_000
"""Statements that all log paths together may stand for."""

CONFIG_REFERENCE_DEPTH_MAX: Final = 32
"""References within references: a dozen calls within each other for each."""

CONFIG_NESTING_MAX: Final = 100
"""Brackets within brackets: the reader calls itself for each."""

FILTERX_NESTING_MAX: Final = 40
"""Brackets within brackets of a filterx block: Python's compiler bounds them too."""

FILTERX_XML_DEPTH_MAX: Final = 100
"""Elements within elements that filterx reads and writes."""

FILTERX_CHAIN_MAX: Final = 500
"""Operators in a row of one filterx expression: each is a line of the program."""

CONFIG_DIAGNOSTICS_MAX: Final = 200
"""Problems shown of one configuration; whoever has more starts with the first."""

CONFIG_EXPANSION_DEPTH_MAX: Final = 64
"""Blocks that use blocks: deeper is a cycle in practice."""

LEASE_BYTES_MAX: Final = 1024 * 1024
"""
The most that one delivery takes from a queue.

Larger than what one read can grow to when it is rendered, so that a batch is normally
handed on whole.
"""

SEND_WINDOW_BYTES: Final = 4 * 1024 * 1024
"""
Bytes handed to one peer and not yet acknowledged by its kernel.

What may be sent twice after a failure; Linux' default ``tcp_wmem`` maximum is of the
same size, so a larger window would only wait in our own memory.
"""

QUEUE_BYTES_MIN: Final = 1024 * 1024 * 1024
"""
Bytes that a memory queue may hold at least, when nobody says how many.

``log-fifo-size()`` counts messages, and 10,000 of them may have 64 KiB each.
"""

QUEUE_RECORD_BYTES: Final = 1024
"""Bytes that a memory queue may hold for each message of ``log-fifo-size()``."""

PATTERN_STEPS_MAX: Final = 1_000_000
"""
Steps that the search of one dangerous pattern in one text may take.

A tenth of what PCRE2 allows: some ten milliseconds, so that a hostile text cannot hold
up a batch for seconds.
"""

CORRELATION_CONTEXTS_MAX: Final = 100_000
"""
Contexts that one parser keeps; the one that ends next ends early when more come.

A key per connection of a busy host, for minutes; some 100 MiB with short messages.
"""

CORRELATION_MESSAGES_MAX: Final = 1_000_000
"""Messages in all contexts of one parser; likewise."""

CORRELATION_BYTES_MAX: Final = 256 * 1024 * 1024
"""Text of the messages in all contexts of one parser; likewise."""

GROUPED_BYTES_MAX: Final = 1024 * 1024
"""A message that ``group-lines()`` makes ends early when it has so many bytes."""

CORRELATION_RATES_MAX: Final = 100_000
"""Rates of actions that are remembered, one a process at most; the oldest go."""
OPEN_FILES_WANTED: Final = 65_536
"""
Open files that we ask for when nobody says how many, as far as the system lets us.

Every connection, followed file and member of a pool is one.
"""
