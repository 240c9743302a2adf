"""How senders are named: the global options reach the resolver."""

from __future__ import annotations

from helpers.configs import loaded
from logferry.runtime.resolver import Naming
from logferry.sources.options import SourceOptions, naming_of


def naming(globals_: str, own: str = "") -> Naming:
    configuration, _ = loaded(
        f"options {{ {globals_} }}; source s {{ network(port(0) {own}); }};"
    )
    options = configuration.sources["s"].drivers[0].options
    assert isinstance(options, SourceOptions)
    return naming_of(options)


def test_the_cache_is_as_the_global_options_say() -> None:
    found = naming(
        "dns-cache-size(5); dns-cache-expire(6); dns-cache-expire-failed(7);"
        ' dns-cache-hosts("/h"); custom-domain("example");'
    )
    assert (found.cache_size, found.expire_s, found.expire_failed_s) == (5, 6, 7)
    assert (found.hosts_file, found.custom_domain) == ("/h", "example")


def test_a_source_has_the_last_word_on_its_own_names() -> None:
    found = naming("use-dns(no); use-fqdn(no);", "use-dns(persist_only) use-fqdn(yes)")
    assert (found.use_dns, found.hosts_only, found.use_fqdn) == (True, True, True)


def test_nothing_said_means_the_defaults() -> None:
    assert naming("") == Naming()
