"""The Celery edge: the app, the message, the one door to the queue."""
