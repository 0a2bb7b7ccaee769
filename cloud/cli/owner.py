"""Whom a command acts as: the user that runs the cloud is the owner of its data folder.

An administrator gives commands as root. What root makes in the data folder would be root's, and the cloud could not
start with it; what root can read says nothing about what the cloud can. So root acts as the folder's owner. Only the
effective user is another: the audit record still says that root gave the command.

Who that is, the folder says: so nobody else may be able to put another folder in its place.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host.private import NotPrivate, exchangeable
from host.terminal import say


def act_as_owner(data_dir: Path) -> None:
    """From now on. Does nothing for other users than root, where root owns the folder, and where there is none.

    Raises NotPrivate where another user could put another folder in its place: root would write there.
    """
    owner = _owner(data_dir)
    if os.geteuid() == 0:
        _refuse_anothers_place(data_dir, owner)
    if owner is None:
        return
    os.setgroups(os.getgrouplist(owner.pw_name, owner.pw_gid))
    os.setegid(owner.pw_gid)
    os.seteuid(owner.pw_uid)


@contextmanager
def acting_as_owner(data_dir: Path) -> Iterator[None]:
    """While it lasts: see `act_as_owner`."""
    groups, gid, uid = os.getgroups(), os.getegid(), os.geteuid()
    act_as_owner(data_dir)
    try:
        yield
    finally:
        if os.geteuid() != uid:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)


def make_data_dir(data_dir: Path) -> None:
    """Makes the folder where it is not there yet, closed to others; says so where it is root's then."""
    if data_dir.is_dir():
        return
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        say(f"made {data_dir} for root: if the cloud runs as another user, chown -R USER: {data_dir}", err=True)


def _refuse_anothers_place(data_dir: Path, owner: pwd.struct_passwd | None) -> None:
    said = exchangeable(data_dir, {0} if owner is None else {0, owner.pw_uid})
    if said is not None:
        user = "USER" if owner is None else owner.pw_name
        what = f"{said}, and so another folder could be put in the place of {data_dir} while root works there"
        do = f"give the folders above it to root (chown root:, chmod o-w) and it to who runs the cloud (chown {user}:)"
        raise NotPrivate(f"{what}: {do}")


def _owner(data_dir: Path) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        uid = data_dir.stat().st_uid
    except OSError:
        return None
    try:
        return None if uid == 0 else pwd.getpwuid(uid)
    except KeyError:  # a folder of a machine before, or of a container's user
        return None
