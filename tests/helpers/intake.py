"""An intake that remembers what it was given and settles when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.message.batch import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Message, Origin


def _forget(receipt: Receipt) -> None:
    del receipt


class FakeIntake:
    """
    Takes chunks in.

    Attributes:
        taken: every frame, in order.
        origins: the origin of each.
        held: receipts that ``settle`` has not been called for.

    """

    def __init__(
        self, *, settles: bool = True, is_flow_controlled: bool = True
    ) -> None:
        self.taken: list[bytes] = []
        self.origins: list[Origin] = []
        self.held: list[Receipt] = []
        self.given: list[Message] = []
        self.settles = settles
        self.is_flow_controlled = is_flow_controlled

    def lines(
        self,
        chunk: bytes,
        origin: Origin,
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take complete lines."""
        assert chunk.endswith(b"\n")
        return self._take(chunk.split(b"\n")[:-1], origin, on_settled)

    def frames(
        self,
        frames: list[bytes],
        origin: Origin,
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take frames."""
        return self._take(frames, origin, on_settled)

    def messages(
        self,
        messages: list[Message],
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take messages."""
        self.given += messages
        return self._hold(Receipt(len(messages), on_settled))

    def _take(
        self,
        frames: list[bytes],
        origin: Origin,
        on_settled: Callable[[Receipt], None],
    ) -> Receipt:
        self.taken += frames
        self.origins += [origin] * len(frames)
        return self._hold(Receipt(len(frames), on_settled))

    def _hold(self, receipt: Receipt) -> Receipt:
        if self.settles:
            receipt.settle()
        else:
            self.held.append(receipt)
        return receipt

    def settle(self, count: int | None = None) -> None:
        """Settle the oldest ``count`` receipts, or all."""
        count = len(self.held) if count is None else count
        for receipt in self.held[:count]:
            receipt.settle()
        del self.held[:count]
