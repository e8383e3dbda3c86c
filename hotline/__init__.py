"""Composition root: settings, database, events, process roles, command line, demo and migrations.

The other packages may import only `settings`, `database`, `events`, `clock`, `errors`, `i18n`, `logs`,
`security` and `children` from here; everything else in this folder assembles them.
"""

__version__ = "0.1.0"
