"""What to do now: pure decisions, then rows."""
