"""Many nodes, one database: row locks keep what the one writing thread keeps on SQLite."""
