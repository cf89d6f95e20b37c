"""What those who run the shop write to all who have a place on a date."""

from datetime import datetime

from sqlmodel import Field

from core.foundation.records import Record


class AttendeeMessage(Record, table=True):
    """One letter to all of them, as it was written; `receivers` is how many they were."""

    __tablename__ = "attendee_messages"

    id: str = Field(primary_key=True)
    date_id: str = Field(foreign_key="workshop_dates.id", ondelete="CASCADE", index=True)
    subject: str
    text: str
    sent_by: str
    receivers: int
    created_at: datetime
