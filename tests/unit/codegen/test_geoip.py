"""``geoip2()`` and ``$(geoip2 …)`` on a small database."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from helpers.programs import expand
from logferry.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

LINE = b"<13>Nov 21 02:00:00 web app: 192.0.2.7"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    writer = MMDBWriter(ip_version=4, database_type="Test", float_type="f64")
    writer.insert_network(
        IPSet(["192.0.2.0/24"]),
        {
            "country": {
                "iso_code": "HU",
                "names": {"de": "Ungarn", "en": "Hungary"},
                "is_in_european_union": True,
            },
            "location": {"latitude": 47.5, "accuracy_radius": 20},
            "subdivisions": [{"iso_code": "BU"}, {"iso_code": "PE"}],
        },
    )
    path = tmp_path_factory.mktemp("geo") / "small.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("field", "address", "expected"),
    [
        ("", "192.0.2.7", b"HU"),
        ("country.iso_code", "192.0.2.255", b"HU"),
        ("country.names.en", "192.0.2.7", b"Hungary"),
        ("country.is_in_european_union", "192.0.2.7", b"true"),
        ("location.latitude", "192.0.2.7", b"47.500000"),
        ("location.accuracy_radius", "192.0.2.7", b"20"),
        ("subdivisions.1.iso_code", "192.0.2.7", b"PE"),
        ("subdivisions.2.iso_code", "192.0.2.7", b""),
        ("subdivisions.x", "192.0.2.7", b""),
        ("country", "192.0.2.7", b""),
        ("country.iso_code.more", "192.0.2.7", b""),
        ("", "198.51.100.1", b""),
        ("", "2001:db8::1", b""),
        ("", "no address", b""),
        ("", "é", b""),
    ],
)
def test_a_field_of_an_address_is_printed(
    database: Path, field: str, address: str, expected: bytes
) -> None:
    option = f"--field {field}" if field else ""
    template = f'$(geoip2 --database {database} {option} "{address}")'
    assert expand(template, LINE) == expected


@pytest.mark.parametrize(
    ("options", "prefix"),
    [("", ".geoip2"), ('prefix("geo.")', "geo"), ('prefix("geo")', "geo")],
)
def test_the_parser_takes_every_leaf_and_the_english_name(
    database: Path, options: str, prefix: str
) -> None:
    template = f"$(format-flat-json --leave-initial-dot --scope none --key {prefix}.*)"
    parser = f'geoip2("$MESSAGE" database("{database}") {options})'
    found = json.loads(expand(template, LINE, f"parser {{ {parser}; }};"))
    assert found == {
        f"{prefix}.country.iso_code": "HU",
        f"{prefix}.country.names.en": "Hungary",
        f"{prefix}.country.is_in_european_union": "true",
        f"{prefix}.location.latitude": "47.500000",
        f"{prefix}.location.accuracy_radius": "20",
        f"{prefix}.subdivisions.0.iso_code": "BU",
        f"{prefix}.subdivisions.1.iso_code": "PE",
    }


def test_an_unknown_address_passes_unchanged(database: Path) -> None:
    parser = f'geoip2(template("198.51.100.1") database("{database}"))'
    assert expand("$MSG", LINE, f"parser {{ {parser}; }};") == b"192.0.2.7"


def test_a_missing_database_is_an_error_at_start(tmp_path: Path) -> None:
    parser = f'parser {{ geoip2("$MSG" database("{tmp_path}/none")); }};'
    with pytest.raises(ConfigError, match="geoip2: cannot read"):
        expand("$MSG", LINE, parser)


def test_a_damaged_database_is_an_error_at_start(tmp_path: Path) -> None:
    path = tmp_path / "x.mmdb"
    path.write_bytes(b"no database")
    with pytest.raises(ConfigError, match="geoip2: cannot read"):
        expand(f"$(geoip2 --database {path} $MSG)", LINE)


def test_without_the_package_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ConfigError, match=r"install logferry\[geoip\]"):
        expand("$(geoip2 $MSG)", LINE)


def test_the_address_is_mandatory(database: Path) -> None:
    with pytest.raises(ConfigError, match="template"):
        expand("$MSG", LINE, f'parser {{ geoip2(database("{database}")); }};')
