"""Pages that are shown to programs in place of the page: challenges, captchas, refusals.

Owns: the signs by which they are known.
Never: goes round them; a site that refuses programs is to be asked, not fooled.
"""

from __future__ import annotations

from collections.abc import Iterable

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.text import printable

#: Pages of which nobody shows more than this to keep programs out.
_LARGEST = 60_000
_HEADERS = (("cf-mitigated", "challenge", "Cloudflare"), ("x-amzn-waf-action", "", "AWS WAF"), ("x-datadome", "protected", "DataDome"))  # fmt: skip
#: Such a page says in its beginning what it is.
_LOOKED_AT = 16_384
#: What stands on a challenge and on no page with a content of its own, in small letters.
_SIGNS = (
    (b"<title>just a moment...</title>", "Cloudflare"),
    (b"<title>attention required! | cloudflare</title>", "Cloudflare"),
    (b"_cf_chl_opt", "Cloudflare"),
    (b"cf-browser-verification", "Cloudflare"),
    (b"captcha-delivery.com/", "DataDome"),
    (b'id="px-captcha"', "PerimeterX"),
    (b"_incapsula_resource?swudnsai", "Imperva"),
    (b"incapsula incident id", "Imperva"),
    (b"/_sec/cp_challenge/", "Akamai"),
    (b"awswafintegration.", "AWS WAF"),
    (b"unusual traffic from your computer network", "Google"),
    (b"/errors/validatecaptcha", "Amazon"),
    (b"<title>ddos-guard</title>", "DDoS-Guard"),
    (b"/.well-known/sgcaptcha/", "SiteGround"),
)
#: What stands on many an honest form too, and says something only where the status refuses.
_WIDGETS = ((b"g-recaptcha", "reCAPTCHA"), (b"h-captcha", "hCaptcha"), (b"cf-turnstile", "Turnstile"), (b"captcha", "a captcha"))  # fmt: skip
_REFUSALS = frozenset({401, 403, 405, 406, 429, 503})


def block_sign(response: Response, texts: Iterable[str] = ()) -> str:
    """Who shows this page in place of the one asked for, or the text that tells; empty where nothing does.

    Parameters
    ----------
    texts: further signs, as they stand in the page.
    """
    for text in texts:
        if text.encode() in response.content:
            return f"'{printable(text, 60)}'"
    for name, value, who in _HEADERS:
        if name in response.headers and value in response.headers[name].lower():
            return who
    if len(response.content) > _LARGEST:
        return ""
    small = response.content[:_LOOKED_AT].lower()
    signs = _SIGNS + (_WIDGETS if response.status_code in _REFUSALS else ())
    return next((who for sign, who in signs if sign in small), "")


def refuse_block(response: Response, texts: Iterable[str] = ()) -> None:
    """Raise JobFailed (BLOCKED) for a page that is shown in place of the one asked for."""
    sign = block_sign(response, texts)
    if not sign:
        return
    code = "text" if sign.startswith("'") else sign.lower().replace(" ", "-").removeprefix("a-")
    raise JobFailed(
        f"{printable(response.url, 200)} shows a block page ({response.status_code}, {sign}) in place of its content; ask "
        "less often, ask the site's owner, or use its API; blocked = false takes the page as it is",
        FailureClass.BLOCKED,
        code=f"blocked:{code}",
    )
