"""The endpoints that come from the environment: OPS_WEBHOOK_URL and CRM_WEBHOOK_URL are two like any others.

A demo that names nobody tells the sandbox, which shows on a page what it was told.
"""

from core.foundation.settings import SANDBOX_RECEIVER_SECRET, Settings
from core.outgoing import endpoints
from core.shop import Shop


def follow(shop: Shop) -> None:
    """Bring them to what the settings say. Changes nothing where they say what they said."""
    wanted = _wanted(shop.settings)
    with shop.reading() as session:
        there = [(row.variable, row.url) for row in endpoints.everything(session) if row.variable]
    changed = {
        name: url
        for name, url in wanted.items()
        if [each for each in there if each[0] == name] != ([(name, url)] if url else [])
    }
    if not changed:
        return
    with shop.transaction() as session:
        for name, url in changed.items():
            known = SANDBOX_RECEIVER_SECRET if url and url == shop.settings.receiver_url else ""
            endpoints.of_setting(session, name, url, secret=known, now=shop.now())


def _wanted(settings: Settings) -> dict[str, str]:
    return {"OPS_WEBHOOK_URL": settings.told_url, "CRM_WEBHOOK_URL": settings.crm_webhook_url}
