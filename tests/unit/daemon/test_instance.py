"""The lock on the state, and looking up users."""

from __future__ import annotations

import os

import pytest

from logferry.daemon.identity import IdentityError, find_identity
from logferry.daemon.instance import AlreadyRunning, InstanceLock


def test_a_second_holder_is_refused_and_learns_who_is_first(tmp_path):
    lock = InstanceLock(tmp_path / "lock")
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        InstanceLock(tmp_path / "lock")
    lock.release()
    InstanceLock(tmp_path / "lock").release()


def test_nobody_asked_for_is_nobody():
    assert find_identity("", "") is None


def test_users_and_groups_are_found_by_name_and_number():
    by_name = find_identity("root", "")
    by_number = find_identity("0", "0")
    assert by_name is not None
    assert by_number is not None
    assert (by_name.uid, by_name.gid, by_name.user) == (0, 0, "root")
    assert (by_number.uid, by_number.gid) == (0, 0)


@pytest.mark.parametrize(("user", "group"), [("no-such-user", ""), ("", "no-such")])
def test_unknown_names_are_errors(user, group):
    with pytest.raises(IdentityError, match="there is no"):
        find_identity(user, group)
