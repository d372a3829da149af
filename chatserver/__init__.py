"""The embedded in-app live-chat support server."""

__version__ = "0.1.0"
