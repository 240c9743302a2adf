"""
What ``grouping-by()``, ``group-lines()`` and ``db-parser()`` have in common.

A correlator stands at one place of the log paths and is shared by all sources whose
messages come by there. The generated code asks it with every message what goes on
from there (:meth:`Correlator.take`); a timer asks what goes on because time has passed
(:meth:`Correlator.tick`). It knows no clock.

A correlator *holds* messages if they do not go on themselves (``group-lines()``,
``inject-mode(aggregate-only)``). Then the receipt of what a source handed in is kept
by the contexts that hold a message of it, until what is made of them was delivered: a
source that remembers positions reads it again after a crash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from logferry.codegen.correlation.contexts import Context, Contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logferry.message.batch import Receipt
    from logferry.message.model import Message, UnixNanos

__all__ = ["Correlator", "release"]


class Correlator:
    """
    Contexts at one place of the log paths.

    Args:
        name: under which its contexts are kept when the daemon stops.
        inject_mode: ``pass-through``, ``internal`` or ``aggregate-only``.
        post: takes messages for ``internal()``.

    """

    def __init__(
        self,
        name: str,
        inject_mode: str,
        post: Callable[[Message], None],
        contexts: Contexts | None = None,
    ) -> None:
        self.name = name
        self.holds = inject_mode == "aggregate-only"
        self.contexts = contexts or Contexts()
        self.ended_count = 0
        self._posts = inject_mode == "internal"
        self._post = post
        self._touched: dict[int, Context] = {}
        self._released: list[Receipt] = []

    # -- for the generated code ---------------------------------------------------

    def take(self, message: Message, text: bytes, now: UnixNanos) -> Iterable[Message]:
        """Return what goes on now, in order; ``text`` is what would be parsed."""
        raise NotImplementedError

    # -- for whoever has a clock ----------------------------------------------------

    def tick(self, now: UnixNanos) -> list[Message]:
        """Return what goes on because of the time."""
        return self._finish(self.contexts.tick(now), now)

    def flush(self, now: UnixNanos) -> list[Message]:
        """End all contexts; return what goes on."""
        ended = self.contexts.all()
        for context in ended:
            self.contexts.close(context)
        return self._finish(ended, now)

    # -- receipts -------------------------------------------------------------------

    def claim(self, receipt: Receipt) -> None:
        """Let contexts keep ``receipt`` that hold a message it is for."""
        for context in self._touched.values():
            if context.is_open and context.messages:
                receipt.keep()
                context.receipts.append(receipt)
        self._touched.clear()

    def take_released(self) -> list[Receipt]:
        """Return what waits for the delivery of what was returned last."""
        released, self._released = self._released, []
        return released

    def release_all(self) -> None:
        """Let go of every receipt: the contexts are kept elsewhere from here on."""
        for context in self.contexts.all():
            self._released += context.receipts
            context.receipts = []
        release(self.take_released())

    # -- what outlives it -------------------------------------------------------------

    def inherit(self, old: Correlator) -> None:
        """Go on with the contexts of ``old``, whose place this one takes."""
        self.contexts = old.contexts
        self.ended_count = old.ended_count
        self._touched, self._released = old._touched, old._released

    def memo_row(self, memo: Any) -> Any:
        """Return what JSON can hold of a context's memo."""
        del memo
        return None

    def memo_of(self, row: Any) -> Any:
        """Return the memo again. Raises ``ValueError``, ``TypeError`` and such."""
        del row

    # -- for the kinds ----------------------------------------------------------------

    def _made_of(self, context: Context, now: UnixNanos) -> Iterable[Message]:
        """Return what is made of a context that has ended."""
        raise NotImplementedError

    def _finish(self, ended: Iterable[Context], now: UnixNanos) -> list[Message]:
        """Return what is made of ``ended``, or post it."""
        made: list[Message] = []
        for context in ended:
            self.ended_count += 1
            made += self._made_of(context, now)
            if context.receipts:
                self._released += context.receipts
                context.receipts = []
        return self._inject(made)

    def _inject(self, made: list[Message]) -> list[Message]:
        """Return what goes on here of what was made, or post it."""
        if self._posts:
            for message in made:
                self._post(message)
            return []
        for message in made:
            message.origin = replace(message.origin, made_by=self.name)
        return made

    def _note(self, context: Context) -> None:
        """Remember that ``context`` got a message."""
        if self.holds:
            self._touched[id(context)] = context


def release(receipts: Iterable[Receipt]) -> None:
    """Let go of receipts that contexts kept."""
    for receipt in receipts:
        receipt.release()
