"""Wall times: which moments a clock on the wall may mean. In the hour that is left out when clocks go forward it means none, in
the one that comes twice when they go back it means two."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# Around the ends of the calendar no other zone can show what one does.
_YEARS = range(1970, 9000)


def reckoned(moment: datetime) -> datetime:
    """The same moment, or time of a clock, as one that can be reckoned with in every zone. Raises ValueError, in a sentence."""
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is none that can be reckoned with")
    return moment


def moments(wall: datetime, timezone: str) -> tuple[datetime, ...]:
    """The moments at which clocks of this zone show this time, the earlier one first: mostly one."""
    zone = ZoneInfo(timezone)
    found = [wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    there = [each for each in found if _shown(each, zone) == wall]
    return tuple(there[:1] if len(there) > 1 and there[0].utcoffset() == there[1].utcoffset() else there)


def the_one(wall: datetime, timezone: str) -> datetime:
    """The moment that is meant. Raises ValueError, in a sentence, for a time that comes never or twice."""
    found = moments(wall, timezone)
    if len(found) == 1:
        return found[0]
    said = f"{wall:%Y-%m-%d %H:%M}"
    if not found:
        raise ValueError(f"no clock in {timezone} shows {said}: clocks go forward then")
    ways = " or ".join(f"{each:%Y-%m-%dT%H:%M:%S}{_offset(each)}" for each in found)
    raise ValueError(f"clocks in {timezone} show {said} twice, since they go back then: write {ways}")


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(moment: datetime) -> str:
    offset = f"{moment:%z}"
    return f"{offset[:3]}:{offset[3:]}"
