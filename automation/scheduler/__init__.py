"""The Celery edge of when: RedBeat's scheduler and entries, kept in step with the project and the ledger."""
