"""Turns at hosts in Redis, by its clock, for all machines of a project.

Owns: the key of a host, and changing it as one step.
Never: decides what a change is; knows what to do when Redis does not answer.
"""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError
from redis.retry import Retry

from automation.errors import ServiceUnavailable
from automation.limits.hosts import Change, Host, Store
from automation.secrets import mask_urls

_ANSWERS_WITHIN = 2.0
#: A host that nobody asks for so long is forgotten; a day's budget and the longest hold are shorter.
_KEPT = 2 * 86400


class RedisHosts(Store):
    """Turns kept in Redis.

    Parameters
    ----------
    prefix: of the keys, the project's own.

    Every call raises ServiceUnavailable when Redis does not answer.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._redis: Any = Redis.from_url(
            url, socket_timeout=_ANSWERS_WITHIN, socket_connect_timeout=_ANSWERS_WITHIN, retry=Retry(NoBackoff(), 0)
        )
        self._prefix = prefix

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def change(self, name: str, change: Change) -> Any:
        """Again, where another one changed it meanwhile."""
        key = f"{self._prefix}:host:{name}"
        try:
            with self._redis.pipeline() as pipe:
                while True:
                    pipe.watch(key)
                    before = Host.from_json(pipe.get(key))
                    seconds, millionths = pipe.time()
                    after, answer = change(before, seconds + millionths / 1e6)
                    if after == before:
                        return answer
                    pipe.multi()
                    pipe.set(key, after.to_json(), ex=_KEPT)
                    try:
                        pipe.execute()
                    except WatchError:
                        continue
                    return answer
        except (RedisError, OSError) as error:
            raise ServiceUnavailable(f"Redis does not answer: {mask_urls(str(error))}") from error
