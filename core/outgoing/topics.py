"""Topics: what an endpoint may be told of. The names are part of the contract."""

from enum import StrEnum


class Topic(StrEnum):
    """The type of a message."""

    ORDER_PAID = "order.paid"
    ORDER_REFUNDED = "order.refunded"
    LICENSE_CHANGED = "license.changed"
    SEAT_CHANGED = "seat.changed"
    ENTITLEMENT_CHANGED = "entitlement.changed"
    ATTENDEE_CHANGED = "attendee.changed"
    PING = "test.ping"


# What an endpoint can be narrowed to. A ping is sent to whoever asks for it.
CHOICES = tuple(topic for topic in Topic if topic is not Topic.PING)
