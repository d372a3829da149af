"""Use cases: what to load, which decision of core, what to apply, what to publish after the commit."""
