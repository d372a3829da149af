"""uvicorn as we want it: bounds where it has none, a WebSocket as a line, a stop that loses nothing."""
