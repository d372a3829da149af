"""Help articles: from what authors write to what readers see. No network, no clock, no database."""
