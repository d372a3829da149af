"""Files that people send: what one is, what it may be called, where its bytes are kept. Knows neither tickets nor HTTP."""
