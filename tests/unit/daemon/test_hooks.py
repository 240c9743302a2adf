"""``hook-commands()``: which commands run when, and what a failure means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.configs import loaded
from logferry.daemon.hooks import HookFailed, run_hooks

if TYPE_CHECKING:
    from pathlib import Path

    from logferry.config.nodes import Spec
    from logferry.telemetry.events import Event


class Log:
    """Keeps what is emitted."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def subscribe(self, listener: object) -> None: ...

    def unsubscribe(self, listener: object) -> None: ...


def spec(commands: str) -> Spec:
    configuration, _ = loaded(
        f'destination d {{ file("/x" hook-commands({commands})); }};'
    )
    return configuration.destinations["d"].drivers[0]


async def test_commands_run_in_the_order_of_their_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    driver = spec(
        " ".join(
            f'{name}("echo {name} >> {out}")'
            for name in ("shutdown", "teardown", "setup", "startup")
        )
    )
    log = Log()
    await run_hooks([driver], ("startup", "setup"), log)
    assert out.read_text().split() == ["startup", "setup"]
    await run_hooks([driver], ("teardown", "shutdown"), log)
    assert out.read_text().split() == ["startup", "setup", "teardown", "shutdown"]
    assert log.events == []


async def test_a_command_that_fails_is_reported_and_the_rest_run(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    driver = spec(f'startup("exit 3") setup("echo x > {out}")')
    log = Log()
    await run_hooks([driver], ("startup", "setup"), log)
    assert log.events == [HookFailed("exit 3", 3, "d#0")]
    assert out.exists()


async def test_drivers_without_hooks_run_nothing() -> None:
    configuration, _ = loaded('destination d { file("/x"); };')
    log = Log()
    await run_hooks(configuration.destinations["d"].drivers, ("startup", "setup"), log)
    assert log.events == []
