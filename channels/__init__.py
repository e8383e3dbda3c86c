"""How people reach the core: portal, console, WeChat, Open311, API. A channel turns what came in into a service call."""
