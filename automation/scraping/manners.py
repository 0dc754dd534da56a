"""The parameters of how a job behaves towards the sites it asks, and how it is let in.

Owns: their names, limits and defaults. Never: acts on them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from automation.scraping.kinds import Strict, Url
from automation.setting_values import proxy_url

_PRINTABLE = r"^[\x20-\x7e]+$"


def _proxy(value: object) -> object:
    if isinstance(value, str) and (problem := proxy_url(value)):
        raise ValueError(problem)
    return value


Proxy = Annotated[str | None, BeforeValidator(_proxy)]


def _block_signs(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Login(Strict):
    """A form to fill in before the first page; its cookies are kept for the run."""

    url: Url = Field(description='the page with the form; with `send = "json"` the address that takes it')
    fields: dict[str, str] = Field(min_length=1, repr=False, description="what is filled in, by the fields' names")
    form: str | None = Field(None, description="CSS of the form; default: the first with a password in it")
    send: Literal["form", "json"] = Field(
        "form", description="json: the fields are sent as they are, without a page before"
    )
    check: str | None = Field(
        None, description="text of the page afterwards that proves it; default: no password asked"
    )


class Manners(Strict):
    """How a job behaves towards the sites it asks."""

    throttle: bool = Field(True, description="ask less often while a server is slow or fails")
    budget: int | None = Field(None, ge=1, description="requests a day (of UTC) to one host, of all jobs together")
    contact: str | None = Field(
        None,
        min_length=3,
        pattern=_PRINTABLE,
        description="a URL or mail address in the User-Agent, for the site's owner",
    )
    blocked: Annotated[bool | tuple[str, ...], BeforeValidator(_block_signs)] = Field(
        True, description="fail on block pages and captchas; texts are further signs of one, false takes any page"
    )

    cache: Literal["validate", "rfc", "off"] = Field(
        "validate",
        description="pages kept between runs: ask each time whether one changed, or only when it is not fresh",
    )
    login: Login | None = Field(None, description="a form to fill in before the first page")
    proxy: Proxy = Field(
        None,
        repr=False,
        description="http://user:password@host:port; every page is asked for through it; default: `AUTOMATION_HTTP_PROXY`",
    )

    @property
    def block_texts(self) -> tuple[str, ...]:
        """The signs that the job adds."""
        return () if isinstance(self.blocked, bool) else self.blocked
