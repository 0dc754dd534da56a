"""One attempt: before, run, after, verdict. Knows no Celery."""
