"""What happens by itself beside the connections, wherever a process carries it."""
