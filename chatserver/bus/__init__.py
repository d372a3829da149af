"""Events on their way from who committed them to who shows them."""
