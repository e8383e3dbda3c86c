"""Staff console at /console: log-in by personal account, then pages by role.

Handlers read the request, call one service function in one transaction, and render or redirect. They hold no rule of
their own: what a role may see is decided by `ticketing.ticket.access`, what it may do by the services.
"""
