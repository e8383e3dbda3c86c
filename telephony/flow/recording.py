"""Where a call's recording lies, and that a full disk costs the recording and not the call."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from hotline.clock import to_city
from hotline.logs import get
from hotline.settings import Settings
from telephony.leg import Leg
from ticketing.conversation.recordings import SUFFIX

log = get(__name__)


def start_recording(settings: Settings, leg: Leg, at: datetime) -> Path | None:
    """Record, unless the disk is nearly full (lesson 10); that is logged, None is returned, and the call goes on."""
    path = settings.data_dir / "recordings" / f"{to_city(at):%Y/%m/%d}" / f"{leg.id}{SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < settings.min_free_disk_mb * 1_000_000:
            raise OSError("the disk is nearly full")
        leg.record(path)
    except OSError as error:
        log.warning("recording_refused", call=str(leg.id), reason=str(error))
        return None
    return path
