"""Another file in the same place is another value."""

from __future__ import annotations

from logferry.config.stamps import stamp_of
from logferry.runtime.tls_options import TlsOptions


def test_a_file_has_the_same_stamp_until_it_is_replaced(tmp_path):
    path = tmp_path / "a.pem"
    assert stamp_of(str(path)) == ()
    path.write_text("one")
    before = stamp_of(str(path))
    assert before == stamp_of(str(path))
    path.write_text("other")
    assert stamp_of(str(path)) != before


def test_a_link_that_is_moved_is_another_file(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "current"
    link.symlink_to("old")
    before = stamp_of(str(link))
    link.unlink()
    link.symlink_to("new")
    assert stamp_of(str(link)) != before


def test_a_folder_is_another_when_one_of_its_files_is(tmp_path):
    (tmp_path / "1a2b.r0").write_text("list")
    before = stamp_of(str(tmp_path))
    assert before == stamp_of(str(tmp_path))
    (tmp_path / "1a2b.r0").write_text("longer list")
    assert stamp_of(str(tmp_path)) != before


def test_options_differ_when_a_file_they_name_was_replaced(tmp_path):
    path = tmp_path / "cert.pem"
    path.write_text("one")
    before = TlsOptions({"cert_file": str(path)})
    assert before == TlsOptions({"cert_file": str(path)})
    path.write_text("other")
    assert before != TlsOptions({"cert_file": str(path)})
    assert TlsOptions({"keylog_file": str(path)}) == TlsOptions(
        {"keylog_file": str(path)}
    )
