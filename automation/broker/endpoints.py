"""Where Celery and RedBeat find the broker, and whether it answers.

Owns: the URLs that follow from the settings, the ping, waiting until a broker is there.
Never: starts a server; knows Celery.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from automation.broker.place import check_runtime, place
from automation.clock import Clock
from automation.errors import BrokerUnavailable
from automation.secrets import mask_urls
from automation.settings import Settings

_PAUSE = 0.05


@dataclass(frozen=True)
class Endpoints:
    """The two URLs of one broker; they may hold passwords and do not show in a `repr`.

    Parameters
    ----------
    celery_url: what kombu connects to.
    redis_url: what RedBeat and shared limits connect to, as redis-py reads it.
    embedded: whether this is the server of the data folder.
    """

    celery_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    embedded: bool = False

    @property
    def is_down(self) -> bool:
        """Whether it is the data folder's own, and not started: there is no socket."""
        return self.embedded and not Path(unquote(urlsplit(self.celery_url).path)).exists()


def endpoints(settings: Settings) -> Endpoints:
    """The broker that is set, or the embedded one of the data folder.

    Raises Refused if the embedded broker's socket stands in a folder that is not this user's alone.
    """
    if settings.broker_url is not None:
        return Endpoints(settings.broker_url, settings.redis_url or _as_redis(settings.broker_url))
    where = place(settings.data)
    check_runtime(where)
    path = quote(os.fsencode(where.socket))
    return Endpoints(
        f"redis+socket://{path}?virtual_host=0", settings.redis_url or f"unix://{path}?db=0", embedded=True
    )


def ping(where: Endpoints, timeout: float = 2.0) -> None:
    """Ask the Redis side for an answer within `timeout` seconds.

    Raises BrokerUnavailable, with what to start or to set.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    try:
        with Redis.from_url(
            where.redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        raise BrokerUnavailable(f"{_unreachable(where)} ({mask_urls(str(error))})") from error


def wait_ready(where: Endpoints, clock: Clock, within: timedelta = timedelta(seconds=10)) -> None:
    """Come back as soon as the broker answers.

    Raises BrokerUnavailable with the last answer when it did not within that time.
    """
    deadline = clock.monotonic() + within.total_seconds()
    while True:
        try:
            return ping(where)
        except BrokerUnavailable:
            if clock.monotonic() >= deadline:
                raise
        clock.sleep(_PAUSE)


def _unreachable(where: Endpoints) -> str:
    if where.embedded and where.redis_url.startswith("unix:"):
        return "The embedded broker does not answer: start it with `automation up`, or set AUTOMATION_BROKER_URL"
    return f"{mask_urls(where.redis_url)} does not answer: start it, or correct AUTOMATION_BROKER_URL or AUTOMATION_REDIS_URL"


def _as_redis(url: str) -> str:
    """The same server as redis-py names it; kombu's word for a socket is its own."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"unix://{login}{parts.path}?db={database}"
