"""One process, one file, one writing thread."""
