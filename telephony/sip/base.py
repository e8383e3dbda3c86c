"""The names that we take from pyVoIP. `pyVoIP.VoIP` must be imported before `pyVoIP.SIP`: they import each other."""

from __future__ import annotations

from pyVoIP.VoIP import CallState, InvalidStateError, NoPortsAvailableError, PhoneStatus, VoIPCall, VoIPPhone  # isort: skip
from pyVoIP.SIP import SIPClient  # isort: skip

__all__ = ["CallState", "InvalidStateError", "NoPortsAvailableError", "PhoneStatus", "SIPClient", "VoIPCall", "VoIPPhone"]
