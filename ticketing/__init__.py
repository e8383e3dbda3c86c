"""The core: tickets and what belongs to them. Knows nothing of aiohttp, pyVoIP, Vosk, Rasa or wechatpy.

One folder per noun, with the same file names everywhere: `models` (tables and states), `service` (what changes them,
one function per transition), `access` (the only door for reading, with permissions), `sweep` (time-driven work).
"""
