"""The name of this installation's machine among others on the same database: what it left unfinished is its own to end."""

from __future__ import annotations

import contextlib
import os
import secrets

from hotline.settings import Settings

FILE_NAME = "instance"


def instance_of(settings: Settings) -> str:
    """`HOTLINE_INSTANCE`, else a name that is made once and kept in the data folder, so that a restart has the same one.

    Two processes that ask for the first time at once get the same name. Raises OSError when the folder cannot be written.
    """
    if settings.instance:
        return settings.instance
    path = settings.data_dir / FILE_NAME
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{FILE_NAME}.{secrets.token_hex(4)}")
        made.write_text(secrets.token_hex(4), encoding="ascii")
        with contextlib.suppress(FileExistsError):  # another process was quicker: its name counts
            os.link(made, path)
        made.unlink()
    return path.read_text(encoding="ascii").strip()
