"""What the service writes holds words and voices of citizens: it is for the account that runs it, and for nobody else."""

from __future__ import annotations

import os
from pathlib import Path

_UMASK = 0o077
_PRIVATE = ("attachments", "logs", "rasa", "recordings")
"""Folders of the data folder. The private PostgreSQL looks after its own, and as root it must pass through the data folder."""


def private_files(data_dir: Path) -> None:
    """From now on this process and its children make files for their own account only.

    Folders that an earlier release left open are closed; one that belongs to somebody else stays as it is.
    """
    os.umask(_UMASK)
    for folder in (data_dir / name for name in _PRIVATE):
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
