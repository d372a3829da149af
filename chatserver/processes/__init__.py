"""What a process of ours is made of besides its work: how it opens, is told orders and ends; `work` and `mail` whole."""
