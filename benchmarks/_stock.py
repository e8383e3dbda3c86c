"""Stock pyVoIP 1.6.8 as the answering side of a benchmark, and the registrar that it cannot do without.

pyVoIP sends everything to its registrar's address and answers nobody else, so a relay stands there: it takes the REGISTER and
passes every other datagram on between SIPp and pyVoIP, unread.
"""

from __future__ import annotations

import socket
import struct
import threading
import time


def relay(port: int, caller: tuple[str, int], phone: tuple[str, int]) -> None:
    """Forward between the two for ever; REGISTER is answered with 200."""
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind(("127.0.0.1", port))
    while True:
        data, source = here.recvfrom(65535)
        if source != phone:
            here.sendto(data, phone)
        elif data.startswith(b"REGISTER"):
            head = [
                line
                for line in data.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
                if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq", "Contact")
            ]
            here.sendto("\r\n".join(["SIP/2.0 200 OK", *head, "Expires: 3600", "Content-Length: 0", "", ""]).encode(), phone)
        else:
            here.sendto(data, caller)


def serve(port: int, registrar: int, sound: bytes) -> None:
    """Answer every call with `sound` (8-bit samples, as pyVoIP wants them) until killed."""
    from pyVoIP.VoIP import CallState, VoIPCall, VoIPPhone  # only here: our own core replaces what it imports

    def answer(call: VoIPCall) -> None:
        call.answer()
        call.write_audio(sound)
        while call.state == CallState.ANSWERED:
            time.sleep(0.1)

    VoIPPhone(
        "127.0.0.1", registrar, "hotline", "x", myIP="127.0.0.1", sipPort=port, rtpPortLow=30000, rtpPortHigh=39999, callCallback=answer
    ).start()
    threading.Event().wait()


def eight_bit(pcm16: bytes) -> bytes:
    """16-bit samples as pyVoIP's unsigned 8-bit ones."""
    return bytes((sample >> 8) + 128 for (sample,) in struct.iter_unpack("<h", pcm16))
