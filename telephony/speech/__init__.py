"""Speech in and out: transcription (Vosk), the Mandarin voice (espeak-ng in a child process), how text is read aloud, prompts.

Everything works on 8 kHz mono 16-bit little-endian PCM ("PCM16") unless a name says otherwise. Nothing here knows
calls or tickets; `transcribe_pcm` also serves voice messages of the other channels.
"""

from __future__ import annotations

from telephony.speech.transcriber import Heard, Transcriber, TranscriptSession, transcribe_pcm

__all__ = ["Heard", "Transcriber", "TranscriptSession", "transcribe_pcm"]
