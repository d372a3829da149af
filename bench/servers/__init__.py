"""Minimal relays to compare with. They have no accounts, no ticket state, no clock and no limits."""
