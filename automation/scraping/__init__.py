"""The scrape engine: fetch → document → item → check → store."""
