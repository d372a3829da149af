"""Use cases, one function per verb: what must be loaded, which decision of core, what is stored. Events leave afterwards."""
