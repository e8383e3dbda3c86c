"""What somebody hears while a telephone is rung for them: the ringing tone, then whatever the far end plays before it answers.

A department's exchange («您好，请直拨分机号») or the network («您拨打的用户已关机») speaks before the answer (183 with a description).
"""

from __future__ import annotations

from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Bridge, Loop
from telephony.flow.tones import ringing


class Ringback:
    """From the first ring to the answer, for one listener."""

    def __init__(self, listener: BridgeLeg) -> None:
        """The listener hears the ringing tone at once."""
        self._listener = listener
        self._bridge: Bridge | None = None
        listener.feed(Loop(ringing()))

    def early(self, far: BridgeLeg) -> None:
        """The far end plays something of its own: that is heard instead. For `Dial`'s `on_early`."""
        if self._bridge is not None:
            return
        bridge = self._bridge = Bridge()
        port, heard = bridge.join(self._listener), bridge.join(far)
        bridge.patch({port: (heard,)})

    def stop(self) -> None:
        """It is over, however: the listener hears nothing of this any more."""
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.close()
        self._listener.feed(None)
