"""What the web channels share: application, middleware, templates, static files, live events, attachments.

Nothing here knows a ticket's rules; pages of citizens are in `channels.portal`, of staff in `channels.console`.
"""
