"""Reading a configuration: 20,000 lines with a thousand of everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LINES = 20_000

_SITE = """filter f_{n} {{
    program("app{n}" type(string)) and level(info .. emerg)
    and not host("web{n}.example") or match("error {n}" value("MESSAGE"));
}};
rewrite r_{n} {{ subst("a{n}", "b", value("MESSAGE") flags("global")); }};
destination d_{n} {{
    network("192.0.2.{low}" port({port}) transport("tcp")
        failover(servers("198.51.100.{low}" "203.0.113.{low}") failback())
        template("$ISODATE $HOST ${{MSGHDR}}$MSG\\n") log-fifo-size(10000)
    );
}};
log {{
    source(s_net); filter(f_{n}); rewrite(r_{n});
    destination(d_{n}); flags(flow-control);
}};
# and so on
"""


def generated() -> str:
    """Return a configuration of 20,000 lines."""
    head = "@version: 4.27\nsource s_net { network(port(0)); };\n"
    count = LINES // _SITE.count("\n")
    sites = (
        _SITE.format(n=number, low=number % 250, port=1000 + number)
        for number in range(count)
    )
    return head + "".join(sites)


def test_reading_20_000_lines(benchmark: BenchmarkFixture) -> None:
    text, registry = generated(), default_registry()

    def read() -> None:
        load_configuration(Path("site.conf"), registry, {}, text)

    benchmark.pedantic(read, rounds=5, warmup_rounds=1)
