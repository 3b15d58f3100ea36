"""What kind of file system a path lies on."""

from pathlib import Path

import psutil

NETWORK = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "beegfs", "gpfs", "pvfs2"),
    *("gfs2", "ocfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.beegfs"),
}
"""Kinds whose files processes on several machines can open at the same time."""


def network_file_system(path: Path) -> str | None:
    """The kind of the file system that a path lies on, if other machines may be at it too."""
    kind = _kind(path)
    return kind if kind in NETWORK else None


def _kind(path: Path) -> str | None:
    real = path.resolve()
    around = [
        (len(part.mountpoint), index, part.fstype)
        for index, part in enumerate(psutil.disk_partitions(all=True))
        if real.is_relative_to(part.mountpoint)
    ]
    return max(around)[-1] if around else None  # of two in one place the later one is seen
