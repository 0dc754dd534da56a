"""What a Redis says about itself: its version, its memory policy, its append-only file.

Owns: asking for it.
Never: judges the answer; changes a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automation.broker.endpoints import Endpoints
from automation.errors import BrokerUnavailable
from automation.secrets import mask_urls


def facts(where: Endpoints, timeout: float = 2.0) -> Mapping[str, Any]:
    """The answer to INFO within `timeout` seconds. Raises BrokerUnavailable."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    quick = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)}
    try:
        with Redis.from_url(where.redis_url, **quick) as client:
            return {str(name): value for name, value in client.info().items()}
    except (RedisError, OSError, ValueError) as error:
        if where.is_down:
            raise BrokerUnavailable("The embedded broker is not running") from error
        raise BrokerUnavailable(f"{mask_urls(where.redis_url)} does not answer ({mask_urls(str(error))})") from error
