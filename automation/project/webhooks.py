"""`[webhooks.NAME]` of automation.toml: which job runs when another program calls, and how that program proves itself.

Owns: the check of a webhook, and the form of its secret.
Never: takes a call.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from automation.errors import InvalidInput
from automation.project.keys import WEBHOOK, unknown_key
from automation.project.model import Job, Webhook
from automation.project.named import named_table, named_tables
from automation.project.plain_secrets import REFUSAL
from automation.project.values import Notes, Reader, Secrets, Table
from automation.registry import Registry
from automation.secrets import references
from automation.text import nearest, printable

PREFIX = "whsec_"
_SHORTEST = 24
MOST_SECRETS = 10
_EXAMPLE = 'job = "import" secret = "${env:SHOP_WEBHOOK_SECRET}"'


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises InvalidInput, without a word of the secret."""
    coded = secret.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not secret.strip().startswith(PREFIX) or len(key) < _SHORTEST:
        raise InvalidInput(
            f"the secret is not {PREFIX} and at least {_SHORTEST} bytes in base64; "
            f'take that of the sender, or make one: echo "{PREFIX}$(openssl rand -base64 32)"'
        )
    return key


def read_webhooks(top: Table, notes: Notes, secrets: Secrets, plain_secrets_allowed: bool) -> Mapping[str, Webhook]:
    """The webhooks by name, references unresolved; those with a problem are noted and left out."""
    declared = named_tables(top, "webhooks", notes, secrets)
    found: dict[str, Webhook] = {}
    for name in declared.values if declared else ():
        own = notes.beside()
        table = named_table(declared, name, _EXAMPLE, own, secrets) if declared else None
        webhook = _read(table, name, own, secrets, plain_secrets_allowed) if table else None
        notes.take(own)
        if webhook is not None and own.first_error is None:
            found[name] = webhook
    return found


def check_webhooks(
    top: Table, webhooks: Mapping[str, Webhook], jobs: Mapping[str, Job], registry: Registry, notes: Notes
) -> None:
    """Note each webhook that names a job that is not there, or parameters that its plugin does not have."""
    for webhook in webhooks.values():
        job, path = jobs.get(webhook.job), ["webhooks", webhook.name]
        if job is None:
            meant = nearest(webhook.job, jobs)
            hint = f"did you mean '{meant}'?" if meant else "write the name of a job"
            notes.at(top, [*path, "job"], f"there is no job '{printable(webhook.job, 60)}'; {hint}")
        elif job.after.for_each:
            notes.at(
                top, [*path, "job"], f"'{job.name}' does not run by itself; name the job that its flow begins with"
            )
        elif (spec := registry.plugins.get(job.plugin)) and spec.parameters.model_config.get("extra") != "allow":
            known = [field.alias or name for name, field in spec.parameters.model_fields.items()]
            for number, word in enumerate(webhook.take):
                if word not in known:
                    notes.at(top, [*path, "take", number], unknown_key(word, known))


def _read(table: Table, name: str, notes: Notes, secrets: Secrets, allowed: bool) -> Webhook:
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, WEBHOOK)
    for key, example in (("job", "import"), ("secret", "${env:SHOP_WEBHOOK_SECRET}")):
        if not reader.has(key):
            notes.at(table, [], f"missing '{key}'; write {key} = \"{example}\"", on_key=True)
    return Webhook(
        name,
        reader.text("job", ""),
        _secrets(reader, table, allowed) if reader.has("secret") else (),
        reader.words("take", lambda word: None if word else "write the name of a parameter"),
    )


def _secrets(reader: Reader, table: Table, allowed: bool) -> tuple[str, ...]:
    """The secrets as they are written: one, or the new one and those that it takes the place of."""
    written = table.values["secret"]
    each = written if isinstance(written, list) else [written]
    if not 0 < len(each) <= MOST_SECRETS or not all(isinstance(one, str) for one in each):
        wanted = f"write a string, or a list of at most {MOST_SECRETS}: the new secret, and the old one for a while"
        reader.notes.at(table, ["secret"], wanted)
        return ()
    for number, one in enumerate(each):
        place: list[str | int] = ["secret", number] if isinstance(written, list) else ["secret"]
        if not allowed and not any(references(one)):
            reader.notes.at(table, place, REFUSAL)
            continue
        try:
            key_of(str(reader.secrets.resolve(one)))
        except InvalidInput as error:
            reader.notes.at(table, place, str(error))
    return tuple(each)
