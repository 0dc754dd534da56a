"""WHEN: pure arithmetic on aware datetimes.

Owns: cron expressions, intervals, calendars, time zones with their gaps and overlaps.
Never: reads the clock or a database; of files only the events of a calendar, once, when it is read.
"""
