"""Process roles: the supervisor, the private PostgreSQL, the scheduler and what starts each role.

What a role does lives in its own package; here it is only started, watched and stopped.
"""
