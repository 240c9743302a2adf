"""
The counters over HTTP: ``options { metrics-page(ip() port()) }``.

``GET /metrics`` answers in Prometheus' text form, series grouped by name under their
type. Nothing else is served, and nothing can be changed here, so that the page needs
no log-in; it listens on the loopback address unless the configuration says otherwise.

aiohttp is loaded only when a configuration asks for the page: loading it takes longer
than the daemon's whole start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logferry.daemon.stats import render_exposition
from logferry.errors import LogferryError, TransportError
from logferry.records import record
from logferry.telemetry.events import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from logferry.config.options import MetricsPageOptions
    from logferry.runtime.environment import Environment, Log

__all__ = ["MetricsPage", "page_of"]

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@record
class MetricsPageOpened(Event):
    """The page can be read."""

    text: ClassVar[str] = "Metrics page opened"

    url: str


class MetricsPage:
    """
    The page; ``set`` moves it, ``stop`` ends it.

    Args:
        log: told where the page is.
        render: returns the counters as text; a ``LogferryError`` is answered with
            status 503.

    """

    def __init__(self, log: Log, render: Callable[[], Awaitable[str]]) -> None:
        self._log = log
        self._render = render
        self._place: tuple[str, int] | None = None
        self._runner: web.AppRunner | None = None

    async def set(self, options: MetricsPageOptions | None) -> None:
        """
        Serve where ``options`` say, or nowhere.

        Raises ``TransportError`` when the address cannot be had: then the page stays
        where it was.
        """
        place = (options.ip, options.port) if options is not None else None
        old = self._place
        if place == old:
            return
        await self.stop()
        if place is None:
            return
        try:
            await self._serve(*place)
        except TransportError:
            if old is not None:
                await self._serve(*old)
            raise

    async def _serve(self, address: str, port: int) -> None:
        from aiohttp import web  # late: see above

        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, address, port).start()
        except OSError as error:
            await runner.cleanup()
            raise TransportError(
                f"cannot serve metrics-page() on {address} port {port}: "
                f"{error.strerror or error}"
            ) from error
        self._runner = runner
        self._place = (address, port)
        bound = runner.addresses[0]
        url = f"http://{bound[0]}:{bound[1]}/metrics"
        self._log.emit(MetricsPageOpened(url))

    async def _answer(self, request: web.Request) -> web.Response:
        from aiohttp import web

        del request
        try:
            text = await self._render()
        except LogferryError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(body=text.encode(), headers={"Content-Type": _CONTENT_TYPE})

    async def stop(self) -> None:
        """Stop serving."""
        self._place = None
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()


def page_of(environment: Environment) -> MetricsPage:
    """Return the page of the counters of one process."""

    async def render() -> str:
        return render_exposition(environment.metrics, environment.metrics.level)

    return MetricsPage(environment.log, render)
