"""Measures the server beside minimal ones in the same run: `python -m bench --help`. docs/performance.md says how."""
