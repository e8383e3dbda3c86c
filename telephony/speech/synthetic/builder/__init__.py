"""Builds `../model`: sentences, espeak-ng speech, telephone effects, CTC training, a Vosk folder. Run by hand, never by the service.

It has requirements of its own (requirements.txt, Python 3.11) and is started from the repository's root:

    python -m telephony.speech.synthetic.builder.build OUT --seed 1
"""
