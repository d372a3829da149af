"""Decisions without I/O: no awaiting, no clock, no database; `now` is an argument."""
