"""How a ticket is classified: what kind of request it is, how pressing, and where it came from.

The customer says what they think (`asked`), the agent's classification wins: it alone moves the place in the queue. What each
type and priority means in a line is in the catalogue: `form.type.<type>.why`, `form.priority.<number>.why`.
"""

from __future__ import annotations

from typing import Final, Literal

Type = Literal["request", "incident", "question", "suggestion"]
"""Solicitud (a change or configuration asked for), Incidente (something fails), Consulta, Sugerencia."""
TYPES: Final[tuple[Type, ...]] = ("request", "incident", "question", "suggestion")
Source = Literal["chat", "form", "mail", "api", "agent"]
"""How a ticket came to be."""
UNSET: Final = 0
LOW: Final = 1
MEDIUM: Final = 2
HIGH: Final = 3
URGENT: Final = 4
PRIORITIES: Final = (LOW, MEDIUM, HIGH, URGENT)
"""Bajo (information; can wait), Medio (there is a workaround), Alto (works, but seriously affected), Urgente (stopped, no
workaround; asks for a justification)."""
LEVELS: Final = (1, 2, 3)
"""Of impact (one person, a group, the whole company) and of urgency (can wait, soon, now)."""

_SUGGESTED: Final = {
    (1, 1): LOW,
    (1, 2): LOW,
    (2, 1): LOW,
    (1, 3): MEDIUM,
    (2, 2): MEDIUM,
    (3, 1): MEDIUM,
    (2, 3): HIGH,
    (3, 2): HIGH,
    (3, 3): URGENT,
}


def suggested(impact: int, urgency: int) -> int:
    """The priority that impact and urgency suggest; UNSET as long as one of them is not known."""
    return _SUGGESTED.get((impact, urgency), UNSET)
