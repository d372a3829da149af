"""Use cases, one function per verb: what to load, which decision of core, what to store. Events leave after the commit."""
