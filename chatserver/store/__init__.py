"""All SQL. One writing thread decides and applies in groups; everybody else reads."""
