"""Open311 GeoReport v2, the citizens' standard interface: services, definitions, requests, tokens, discovery.

`arguments` reads and checks what a client sent, `view` decides what of a ticket is public, `render` writes XML and JSON,
`routes` joins them. Not here: what happens to a ticket after it was registered (`ticketing`).
"""
