"""Which URLs follow from which settings."""

from __future__ import annotations

import pytest

from automation.broker import Endpoints, endpoints, ping
from automation.broker.facts import facts
from automation.errors import BrokerUnavailable, Refused

KEY = "0123456789abcdef"


def test_without_a_url_both_are_the_data_folder_s_socket(settings_of, tmp_path):
    """The embedded broker is found by the data folder alone, as kombu and as redis-py write it."""
    where = endpoints(settings_of(DATA_DIR=str(tmp_path / "d ata")))

    assert where.embedded
    assert where.celery_url == f"redis+socket://{tmp_path}/d%20ata/broker.sock?virtual_host=0"
    assert where.redis_url == f"unix://{tmp_path}/d%20ata/broker.sock?db=0"


def test_it_is_down_as_long_as_there_is_no_socket(settings_of, tmp_path):
    """Only of the embedded one can that be said without asking it."""
    where = endpoints(settings_of(DATA_DIR=str(tmp_path / "d ata")))
    before = where.is_down
    (tmp_path / "d ata").mkdir()
    (tmp_path / "d ata" / "broker.sock").touch()

    assert (before, where.is_down) == (True, False)
    assert not endpoints(settings_of(BROKER_URL="redis+socket:///run/none.sock", SECRET_KEY=KEY)).is_down
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        facts(where)


@pytest.mark.parametrize(
    ("broker", "redis"),
    [
        ("redis://:secret@10.0.0.1:6379/2", "redis://:secret@10.0.0.1:6379/2"),
        ("redis+socket:///run/r.sock?virtual_host=3", "unix:///run/r.sock?db=3"),
        ("redis+socket://:secret@/run/r.sock", "unix://:secret@/run/r.sock?db=0"),
    ],
)
def test_a_redis_broker_serves_redbeat_too(settings_of, broker, redis):
    """One URL is enough where the broker is a Redis."""
    where = endpoints(settings_of(BROKER_URL=broker, SECRET_KEY=KEY))

    assert (where.celery_url, where.redis_url, where.embedded) == (broker, redis, False)


def test_redbeat_may_have_a_redis_of_its_own(settings_of):
    """With RabbitMQ as broker, RedBeat's Redis is the one that is named."""
    where = endpoints(settings_of(BROKER_URL="amqp://u:p@h//", REDIS_URL="redis://localhost/1", SECRET_KEY=KEY))

    assert (where.celery_url, where.redis_url) == ("amqp://u:p@h//", "redis://localhost/1")


def test_urls_do_not_show_in_a_repr():
    """A password in a URL must not reach a log by way of a repr."""
    assert "secret" not in repr(Endpoints("redis://:secret@h/0", "redis://:secret@h/0"))


def test_a_broker_that_is_not_there_says_what_to_start(settings_of):
    """The message names the command and the variable."""
    with pytest.raises(BrokerUnavailable, match=r"automation up.*AUTOMATION_BROKER_URL"):
        ping(endpoints(settings_of()))


def test_an_unreachable_redis_is_named_without_its_password():
    """The URL is shown, the password is not."""
    with pytest.raises(BrokerUnavailable) as caught:
        ping(Endpoints("", "redis://:secret@127.0.0.1:1/0"))

    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_long_data_folder_has_a_short_socket(settings_of, tmp_path):
    """A path too long for a socket leads to a private folder, the same one each time."""
    long = tmp_path / ("x" * 120)

    first, again = (endpoints(settings_of(DATA_DIR=str(long))) for _ in range(2))
    other = endpoints(settings_of(DATA_DIR=str(long) + "y"))

    assert first == again != other
    assert len(first.redis_url) < 100


def test_a_runtime_folder_of_somebody_else_is_refused(settings_of, tmp_path):
    """Who can write the folder could put a socket of their own there."""
    from automation.broker.place import make_runtime, place

    where = place(tmp_path / ("x" * 120))
    make_runtime(where)
    where.runtime.chmod(0o777)
    try:
        with pytest.raises(Refused, match="this user alone"):
            endpoints(settings_of(DATA_DIR=str(tmp_path / ("x" * 120))))
    finally:
        where.runtime.rmdir()
