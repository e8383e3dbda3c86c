"""The phone: SIP and RTP on pyVoIP, speech in and out, the call flow, recordings. Nothing outside imports pyVoIP or Vosk."""
