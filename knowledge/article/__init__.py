"""Articles (办事指南 and plain questions), their versions and life."""
