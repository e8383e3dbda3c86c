"""Notices to citizens (告知): templates as data, one function that sends them, a row for each recipient and channel."""
