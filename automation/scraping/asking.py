"""From a job's parameters to that which fetches its pages.

Owns: who we say we are, and joining client, turns and pages for one run.
Never: fetches; knows items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from automation.clock import Clock
from automation.net.cache import PageCache
from automation.net.fetcher import Fetcher
from automation.net.limits import Limits
from automation.net.rules import user_agent
from automation.scraping.login import Session
from automation.scraping.pages import Pages
from automation.scraping.params import ScrapeParams
from automation.scraping.politeness import MOST_AT_ONCE, Turns
from automation.scraping.rendering import Renderer
from automation.scraping.surroundings import Surroundings

#: Seconds that a place at a host outlives the longest request.
_GRACE = 10.0


@asynccontextmanager
async def pages_of(params: ScrapeParams, around: Surroundings) -> AsyncIterator[Pages]:
    """The pages of a run; connections and turns are given back in the end."""
    agent, clock = agent_of(params), around.clock
    turns = Turns(
        params.delay.total_seconds(), params.concurrency, clock,
        hosts=around.hosts, holder=(around.run_id, around.attempt), budget=params.budget, throttle=params.throttle,
        lease=params.deadline.total_seconds() + _GRACE,
    )  # fmt: skip
    headers, auth = _credentials(params)
    cache, robots = _cache(params, around), _robots_kept(params, around)
    async with _fetcher(params, clock, agent, params.proxy or around.proxy) as fetcher:
        pages = Pages(
            fetcher, turns, around.log,
            user_agent=agent, robots=params.robots, hosts=params.start_hosts, headers=headers, auth=auth,
            block_signs=params.block_texts if params.blocked else None, clock=clock,
            robots_kept=robots,
        )  # fmt: skip
        renderer = Renderer(
            pages.resource, pages.get, deadline=params.deadline.total_seconds(), wait_for=params.wait_for
        )
        pages.show_with(renderer.render)
        pages.remember(cache, trusting=params.cache == "rfc")
        try:
            if params.login is not None:
                await pages.log_in(Session(params.login))
            yield pages
        finally:
            await renderer.close()
            await turns.close()
            for kept in (cache, robots):
                if kept is not None:
                    kept.prune()


def agent_of(params: ScrapeParams) -> str:
    """What we call ourselves: as the job says, or our name and version; with the contact where there is one."""
    named = params.user_agent or user_agent()
    return f"{named} (+{params.contact})" if params.contact else named


def _cache(params: ScrapeParams, around: Surroundings) -> PageCache | None:
    """Pages kept between runs; what is behind a login depends on more than its address."""
    if params.cache == "off" or around.cache is None or params.login is not None or not around.store:
        return None
    headers, auth = _credentials(params)
    own = {**headers, **{f"cookie {name}": value for name, value in params.cookies.items()}}
    return PageCache(around.cache, {**own, "agent": agent_of(params), "user": auth[0] if auth else ""})


def _robots_kept(params: ScrapeParams, around: Surroundings) -> PageCache | None:
    """The robots.txt of other runs that said the same name; a proxy may be shown another one."""
    if params.cache == "off" or around.cache is None or not params.robots or not around.store:
        return None
    return PageCache(around.cache, {"robots.txt of": agent_of(params), "proxy": params.proxy or around.proxy or ""})


def _credentials(params: ScrapeParams) -> tuple[dict[str, str], tuple[str, str] | None]:
    headers = dict(params.headers)
    if params.auth and params.auth.bearer:
        return {**headers, "Authorization": f"Bearer {params.auth.bearer}"}, None
    if params.auth and params.auth.user is not None:
        return headers, (params.auth.user, params.auth.password or "")
    return headers, None


def _fetcher(params: ScrapeParams, clock: Clock, agent: str, proxy: str | None) -> Fetcher:
    fetcher = Fetcher(
        allow_networks=params.allow_networks,
        allow_ports=params.allow_ports,
        limits=Limits(max_bytes=params.max_bytes, deadline=params.deadline.total_seconds()),
        user_agent=agent,
        clock=clock,
        connections=params.concurrency if len(params.start_hosts) == 1 and params.same_host else MOST_AT_ONCE,
        proxy=proxy,
    )
    for host in params.start_hosts:
        for name, value in params.cookies.items():
            fetcher.set_cookie(name, value, host)
    return fetcher
