"""What happened: the SQL tables that are the only truth about occurrences, runs and attempts."""
