"""Pages shown to programs in place of the page."""

from __future__ import annotations

import httpx
import pytest

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.blocked import block_sign, refuse_block


def answer(body, status=200, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, httpx.Headers(sent), body.encode(), "https://shop.example/")


@pytest.mark.parametrize(
    ("page", "who"),
    [
        (answer("<title>Just a moment...</title>", 403), "Cloudflare"),
        (answer("<html>", 403, cf_mitigated="challenge"), "Cloudflare"),
        (answer("<script>window._cf_chl_opt = {}</script>"), "Cloudflare"),
        (answer("<script src='https://ct.captcha-delivery.com/c.js'>", 403), "DataDome"),
        (answer('<div id="px-captcha"></div>', 403), "PerimeterX"),
        (answer("Request unsuccessful. Incapsula incident ID: 4-1"), "Imperva"),
        (answer("<form action='/errors/validateCaptcha'>"), "Amazon"),
        (answer("<p>Please solve this CAPTCHA", 429), "a captcha"),
        (answer("", 202, x_amzn_waf_action="challenge"), "AWS WAF"),
    ],
)
def test_known_block_pages_are_told(page, who):
    """Also those with a status of success, which would otherwise be read as a page without items."""
    assert block_sign(page) == who


@pytest.mark.parametrize(
    "page",
    [
        answer("<h1>Books</h1>"),
        answer('<form><div class="g-recaptcha"></div></form>'),
        answer("<p>How we solve a captcha</p>"),
        answer("<title>Just a moment...</title>" + "x" * 70_000),
        answer("not found", 404),
    ],
)
def test_an_honest_page_is_none(page):
    """A form with a captcha, or an article about one, is a page."""
    assert block_sign(page) == ""


def test_a_job_may_add_its_own_signs():
    """What a site says in its own words only its reader knows."""
    with pytest.raises(JobFailed, match="'Zugriff verweigert'") as caught:
        refuse_block(answer("<p>Zugriff verweigert"), ["Zugriff verweigert"])

    assert (caught.value.failure_class, caught.value.code) == (FailureClass.BLOCKED, "blocked:text")
