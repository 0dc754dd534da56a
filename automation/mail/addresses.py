"""Mail addresses: one of them from each text, or a sentence why not.

Owns: what may stand in an address or a header.
Never: asks DNS; takes two addresses out of one text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses

from automation.errors import FailureClass, InvalidInput, JobFailed
from automation.text import printable

#: Names of one's own network; email-validator refuses them because no mail leaves for them.
_INSIDE = ("localhost", "local", "test")
_STAND_IN = ".com"
#: A name, quoted or without any sign that has a meaning in a list of addresses, and one address.
_NAMED = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^"<>,;:@()\[\]\\]*?))\s*<([^<>\s]*)>')
_BARE = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
_LONGEST = 998
_LONGEST_NAME = 200


def parse_address(text: str, what: str = "address") -> Address:
    """`ann@example.com` or `Ann <ann@example.com>` as one checked address; an international domain in its ASCII form.

    Parameters
    ----------
    what: the field it came from, for the message.

    Raises JobFailed (`data_invalid`) with the text and what is wrong with it.
    """
    try:
        return _parsed(header_text(text, what).strip())
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise JobFailed(f"{what} '{printable(text, 100)}': {reason}", FailureClass.DATA_INVALID) from error


def header_text(text: str, what: str) -> str:
    """Text that may stand in a header.

    Raises JobFailed (`data_invalid`) for control characters, halves of characters, more than 998 of them, and
    encoded words (`=?…?=`): a mail program would decode them into what was not written.
    """
    problem = ""
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        problem = "holds a line break or another control character; write it on one line"
    elif "=?" in text:
        problem = "holds '=?', which begins an encoded word; remove it"
    elif len(text) > _LONGEST:
        problem = f"is longer than {_LONGEST} characters; shorten it"
    if problem:
        raise JobFailed(f"{what} '{printable(text, 100)}' {problem}", FailureClass.DATA_INVALID)
    return text


def parse_addresses(texts: Iterable[str], what: str) -> list[Address]:
    """Each text as one address, in order. Raises as `parse_address` does."""
    return [parse_address(text, what) for text in texts]


def without_repeats(addresses: Iterable[Address], seen: set[str]) -> list[Address]:
    """Addresses not seen before, case aside; `seen` grows."""
    kept = []
    for address in addresses:
        key = address.addr_spec.casefold()
        if key not in seen:
            seen.add(key)
            kept.append(address)
    return kept


def recipients_of(message: EmailMessage) -> list[str]:
    """The addresses in To, Cc and Bcc, each once, in order; for the envelope."""
    found: dict[str, str] = {}
    for header in ("To", "Cc", "Bcc"):
        for value in message.get_all(header, []):
            for address in value.addresses:
                if address.username:
                    found.setdefault(address.addr_spec.casefold(), address.addr_spec)
    return list(found.values())


def bare_address(text: str) -> str:
    """The address alone, from a header's `Name <address>`. Raises ValueError when it is not exactly one."""
    if _BARE.fullmatch(text):
        return text
    found = getaddresses([text])
    if len(found) != 1 or "@" not in found[0][1] or not found[0][1].isprintable():
        raise ValueError(f"'{printable(text, 100)}' is not one address")
    return found[0][1]


def is_ascii(address: Address) -> bool:
    """Whether every server can take the address; others need SMTPUTF8."""
    return address.addr_spec.isascii()


def _parsed(text: str) -> Address:
    try:
        from email_validator import EmailNotValidError, validate_email
    except ModuleNotFoundError as error:
        raise InvalidInput("Mail needs email-validator; run: pip install email-validator") from error
    found = _NAMED.fullmatch(text)
    if not found and text.endswith(">"):
        raise ValueError('a name with a comma or another sign stands in quotes, such as "Smith, Ann" <ann@example.com>')
    quoted, plain, spec = found.groups() if found else (None, "", text)
    name = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip()
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"the name is longer than {_LONGEST_NAME} characters; shorten it")
    inside = spec.rpartition("@")[2].rpartition(".")[2].casefold() in _INSIDE
    try:
        checked = validate_email(spec + _STAND_IN if inside else spec, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(f"{error} Write one address, such as ann@example.com or Ann <ann@example.com>") from error
    domain = checked.ascii_domain or checked.domain
    return Address(name, checked.local_part, domain.removesuffix(_STAND_IN) if inside else domain)
