"""Mail: what comes in is read here. Its functions know neither network nor clock."""
