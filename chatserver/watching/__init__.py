"""What operators see of a process: figures for Prometheus, spans for a collector."""
