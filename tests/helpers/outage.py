"""A failover policy on a stage: servers that are up or down, and a clock in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helpers.chance import ScriptedChance
from logferry.policy.backoff import Chance
from logferry.policy.failover import (
    Action,
    Adopt,
    Connect,
    Failover,
    FailoverPlan,
    Probe,
    State,
)
from logferry.telemetry.events import Event


@dataclass(frozen=True)
class Tried:
    """One attempt or probe: when, what, whom."""

    at: float
    kind: str
    name: str


class Stage:
    """
    Answers every action at once: ``up`` names the servers that accept.

    ``tried`` keeps attempts (``connect``), probes and adoptions in order.
    """

    def __init__(
        self,
        *servers: Any,
        up: str = "",
        chance: Chance | None = None,
        first: str | None = None,
        **plan: Any,
    ) -> None:
        self.policy = Failover(
            FailoverPlan(servers, **plan), chance or ScriptedChance(), first
        )
        self.up = set(up.split())
        self.now = 0.0
        self.tried: list[Tried] = []
        self.events: list[Event] = []
        self.actions: list[Action] = []
        self.policy.start(self.now)
        self.settle()

    @property
    def connected_to(self) -> str | None:
        """The name of the server in use."""
        is_up = self.policy.state is State.UP
        return self.policy.current.name if is_up else None

    def settle(self) -> None:
        """Answer actions until there are none."""
        while actions := self.policy.take_actions():
            for action in actions:
                self._answer(action)
        self.events += self.policy.take_events()

    def _answer(self, action: Action) -> None:
        self.actions.append(action)
        name = action.server.name
        is_up = name in self.up
        if isinstance(action, (Connect, Probe, Adopt)):
            kind = type(action).__name__.lower()
            self.tried.append(Tried(self.now, kind, name))
        if isinstance(action, Connect) and is_up:
            self.policy.on_connected(self.now)
        elif isinstance(action, Connect):
            self.policy.on_connect_failed("refused", self.now)
        elif isinstance(action, Probe):
            error = "" if is_up else "refused"
            self.policy.on_probe_result(
                action.server, is_good=is_up, error=error, now=self.now
            )

    def run(self, until: float) -> None:
        """Let time pass."""
        deadline = self.policy.next_deadline()
        while deadline is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.policy.handle_timer(self.now)
            self.settle()
            deadline = self.policy.next_deadline()
        self.now = until

    def kill(self, name: str) -> None:
        """Stop a server, and lose the connection to it."""
        self.up.discard(name)
        if self.connected_to == name:
            self.policy.on_lost("EOF occurred", self.now)
            self.settle()

    def revive(self, name: str) -> None:
        """Start a server."""
        self.up.add(name)

    def attempts(self) -> list[tuple[float, str]]:
        """Return when which server was tried."""
        return [(item.at, item.name) for item in self.tried if item.kind == "connect"]

    def probes(self) -> list[float]:
        """Return when probes began."""
        return [item.at for item in self.tried if item.kind == "probe"]

    def said(self) -> list[str]:
        """Return the names of the events so far."""
        return [type(event).__name__ for event in self.events]
