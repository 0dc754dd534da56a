"""RedBeat's entries of a whole project, written and repaired in pipelines.

Owns: install, advance, what is due, repair.
Never: decides; talks to the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from celery import Celery
from redbeat.schedulers import ensure_conf, get_redis

from automation.ledger.standing import Key
from automation.project.model import Project
from automation.scheduler.entry import NEVER, TriggerSchedule, definition_of, entry_name, meta_of, score_of
from automation.text import count

_log = logging.getLogger(__name__)
_PIPELINE = 1000
#: How many entries are compared with what they were written as each time that somebody looks after them.
_COMPARED = 500
# The sorted set and the entries' hashes, and for each its score and its meta; a hash that is none any more is left to
# whoever compares, and keeps no other from moving on.
_ADVANCE = """
local scores = {}
for i = 2, #KEYS do
  redis.pcall('hset', KEYS[i], 'meta', ARGV[2 * i - 2])
  scores[2 * i - 3] = ARGV[2 * i - 3]
  scores[2 * i - 2] = KEYS[i]
end
redis.call('zadd', KEYS[1], unpack(scores))
"""
# The same with the definition between the two, and whatever stood there is gone.
_INSTALL = """
local scores = {}
redis.call('del', unpack(KEYS, 2))
for i = 2, #KEYS do
  redis.call('hset', KEYS[i], 'definition', ARGV[3 * i - 4], 'meta', ARGV[3 * i - 3])
  scores[2 * i - 3] = ARGV[3 * i - 5]
  scores[2 * i - 2] = KEYS[i]
end
redis.call('zadd', KEYS[1], unpack(scores))
"""


class Entries:
    """The entries of the active schedules."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._schedules: dict[Key, TriggerSchedule] = {}
        self._by_redis_key: dict[str, Key] = {}
        self._redis = get_redis(app)
        self._names = ensure_conf(app)
        self._advance, self._install = (self._redis.register_script(text) for text in (_ADVANCE, _INSTALL))
        self._compared = 0
        #: When the first entry is due, if that was asked and nothing was written since.
        self._next: float | None = None

    @property
    def schedule_key(self) -> str:
        """The sorted set of due times."""
        return str(self._names.schedule_key)

    def take(self, project: Project) -> None:
        """From now on the entries are those of this project's active jobs."""
        self._schedules = {
            (job.name, schedule.id): TriggerSchedule(schedule.spec, schedule.trigger, self._app, schedule.planning)
            for job in project.jobs.values()
            if job.active
            for schedule in job.schedules
        }
        self._by_redis_key = {self._redis_key(key): key for key in self._schedules}

    def install(self, cursors: Mapping[Key, datetime]) -> None:
        """Write all entries as the ledger has them, and remove what is not ours to keep."""
        self._next = None
        for some in self._pieces(cursors):
            args = [
                part
                for key, cursor in some
                for part in (self._score(key, cursor), self._definition(key), meta_of(cursor))
            ]
            self._install(keys=self._keys(some), args=args)
        self._remove_strangers()

    def advance(self, cursors: Mapping[Key, datetime]) -> None:
        """Move these entries on."""
        self._next = None
        for some in self._pieces(cursors):
            args = [part for key, cursor in some for part in (self._score(key, cursor), meta_of(cursor))]
            self._advance(keys=self._keys(some), args=args)

    def postpone(self, key: Key, until: datetime | None) -> None:
        """Look at this entry again then, whatever its rule says; None is never."""
        self._next = None
        self._redis.zadd(self.schedule_key, {self._redis_key(key): NEVER if until is None else until.timestamp()})

    def due(self, now: datetime, limit: int) -> list[Key]:
        """Keys of entries that are due, earliest first; one nobody knows is removed."""
        # Most rounds find none, and then this is all that is asked of Redis.
        first = self._first()
        self._next = first if first is not None and first > now.timestamp() else None
        if first is None or self._next is not None:
            return []
        names = self._redis.zrangebyscore(self.schedule_key, 0, now.timestamp(), start=0, num=limit)
        strangers = [name for name in names if name not in self._by_redis_key]
        if strangers:
            self._redis.zrem(self.schedule_key, *strangers)
            _log.warning(
                "%s in RedBeat's schedule belong to no job and were removed", count(len(strangers), "entry", "entries")
            )
        return [self._by_redis_key[name] for name in names if name in self._by_redis_key]

    def next_due(self) -> float | None:
        """When the next entry is due, in seconds since 1970; what the last look for due ones found, if it still holds."""
        return self._first() if self._next is None else self._next

    def _first(self) -> float | None:
        first = self._redis.zrangebyscore(self.schedule_key, 0, "+inf", start=0, num=1, withscores=True)
        return float(first[0][1]) if first else None

    def missing(self) -> set[Key]:
        """Entries that Redis has lost, or holds otherwise than they were written."""
        return self._differing(list(self._by_redis_key))

    def some_missing(self) -> set[Key]:
        """The same at a price that does not grow: all when Redis has fewer entries than it should, else the next few."""
        keys = list(self._by_redis_key)
        if self._redis.zcard(self.schedule_key) < len(keys):
            return self._differing(keys)
        start = self._compared if self._compared < len(keys) else 0
        self._compared = start + _COMPARED
        return self._differing(keys[start : self._compared])

    def _differing(self, keys: Sequence[str]) -> set[Key]:
        lost: set[Key] = set()
        for start in range(0, len(keys), _PIPELINE):
            chunk = keys[start : start + _PIPELINE]
            with self._redis.pipeline(transaction=False) as pipe:
                for redis_key in chunk:
                    pipe.zscore(self.schedule_key, redis_key)
                    pipe.hget(redis_key, "definition")
                answers = pipe.execute(raise_on_error=False)
            for place, redis_key in enumerate(chunk):
                score, definition = answers[2 * place : 2 * place + 2]
                key = self._by_redis_key[redis_key]
                if not isinstance(score, float) or definition != self._definition(key):
                    lost.add(key)
        return lost

    def expected(self) -> Iterable[str]:
        """The Redis keys of all entries."""
        return self._by_redis_key

    def remove(self) -> None:
        """Take all entries out of Redis, and the set of their due times."""
        self._redis.delete(self.schedule_key, *self._by_redis_key)

    def clear(self) -> None:
        """Drop the sorted set, when something that is none stands in its place."""
        self._next = None
        self._redis.delete(self.schedule_key)

    def _pieces(self, cursors: Mapping[Key, datetime]) -> Iterator[list[tuple[Key, datetime]]]:
        ours = [(key, cursor) for key, cursor in cursors.items() if key in self._schedules]
        for start in range(0, len(ours), _PIPELINE):
            yield ours[start : start + _PIPELINE]

    def _keys(self, some: Iterable[tuple[Key, datetime]]) -> list[str]:
        return [self.schedule_key, *(self._redis_key(key) for key, _ in some)]

    def _remove_strangers(self) -> None:
        strangers = set(self._redis.zrange(self.schedule_key, 0, -1)) - self._by_redis_key.keys()
        if strangers:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.zrem(self.schedule_key, *strangers)
                for name in strangers:
                    if name.startswith(self._names.key_prefix):
                        pipe.delete(name)
                pipe.execute()

    def _score(self, key: Key, cursor: datetime) -> float:
        return score_of(self._schedules[key], cursor)

    def _definition(self, key: Key) -> str:
        return definition_of(entry_name(*key), self._schedules[key])

    def _redis_key(self, key: Key) -> str:
        return f"{self._names.key_prefix}{entry_name(*key)}"
