"""Folders on a file system that may only be read, in a namespace of their own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

#: Runs a shell script as the root of a namespace of its own.
IN_A_NAMESPACE = ["unshare", "-rm", "sh", "-c"]


@cache
def may_mount() -> bool:
    """Whether this user may mount file systems in a namespace."""
    if not shutil.which("unshare"):
        return False
    mount = "mount -t tmpfs none /mnt && mount -o remount,ro /mnt"
    return subprocess.run([*IN_A_NAMESPACE, mount], capture_output=True).returncode == 0


def read_only(folder: Path, command: str) -> bytes:
    """Exit code and output of a shell command that runs in a folder where nothing can be written."""
    place = shlex.quote(str(folder))
    mount = f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"
    script = f"{mount} && cd {place} && ! touch it 2>/dev/null && {command}"
    done = subprocess.run([*IN_A_NAMESPACE, script], capture_output=True)
    return b"%d\n%b" % (done.returncode, done.stdout)
