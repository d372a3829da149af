"""What `chatserver demo` shows: two apps, two agents, a few help articles."""
