"""Sockets: frames both ways, one connection each for customers and agents."""
