"""What all runs of a project share of the world outside: how often a host may be asked, and by how many at once."""
