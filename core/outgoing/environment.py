"""The endpoints that come from the environment: OPS_WEBHOOK_URL and CRM_WEBHOOK_URL are two like any others."""

from core.foundation.settings import Settings
from core.outgoing import endpoints
from core.shop import Shop


def follow(shop: Shop) -> None:
    """Bring them to what the settings say. Changes nothing where they say what they said."""
    wanted = _wanted(shop.settings)
    with shop.reading() as session:
        there = {row.variable: row.url for row in endpoints.everything(session) if row.variable}
    changed = {name: url for name, url in wanted.items() if there.get(name, "") != url}
    if not changed:
        return
    with shop.transaction() as session:
        for name, url in changed.items():
            endpoints.of_setting(session, name, url, now=shop.now())


def _wanted(settings: Settings) -> dict[str, str]:
    return {"OPS_WEBHOOK_URL": settings.ops_webhook_url, "CRM_WEBHOOK_URL": settings.crm_webhook_url}
