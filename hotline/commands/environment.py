"""Settings as the command line finds them."""

from __future__ import annotations

import os
from pathlib import Path

from hotline.demo import secrets
from hotline.settings import Settings, load


def data_dir() -> Path:
    """The data folder alone, for commands that need no other setting."""
    return Path(os.environ.get("HOTLINE_DATA_DIR") or "var")


def find_settings() -> Settings:
    """The settings of this shell. A data folder that holds a demo's keys is used as that demo; raises `SettingsError`.

    So `hotline ask` in a second terminal talks to the demo that runs in the first one. `HOTLINE_DEMO=false` prevents it.
    """
    folder = data_dir()
    wanted = os.environ.get("HOTLINE_DEMO", "").strip().lower()
    if wanted in ("1", "true", "yes", "on") or (not wanted and (folder / secrets.FILE_NAME).exists()):
        os.environ["HOTLINE_DEMO"] = "true"
        secrets.load(folder)
    return load()
