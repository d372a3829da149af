"""What only the full form runs (`make test-faults`): a skipped test would be a failed one in CI."""

from __future__ import annotations

from tests.harness.sizes import FULL

collect_ignore = [] if FULL else ["test_autobahn.py"]
