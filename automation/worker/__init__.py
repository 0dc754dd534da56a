"""The Celery edge of doing: the task, the lease heartbeat, the limits of a process."""
