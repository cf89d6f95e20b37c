"""The attempts of one pass of reconciliation: what each came to, what rests, and when Stripe is asked nothing more.

One object that fails keeps no other waiting: it rests for a time of its own. The pass ends its asking when nobody answers,
when the key is turned away, or when one object after the other is answered with a fault.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.foundation import masking
from core.foundation.database import is_held
from core.foundation.errors import PermissionMissing, StripeFaulty, StripeKeyRefused, StripeRefused, StripeUnreachable
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.orders import setbacks
from core.shop import Shop

# So many objects are looked up at once, so that ten thousand never stand in memory.
BATCH = 200
# So many objects in a row that Stripe answers with a fault: then it is Stripe's, and no longer theirs.
_SEVERAL = 3


@dataclass
class Report:
    """What one pass found. `healed` names what it put right, `failed` what it could not, with the reason; `stopped` is why
    Stripe was asked nothing more."""

    checked: int = 0
    healed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    stopped: str = ""


@dataclass(frozen=True)
class _Object:
    """What an attempt is about: what the report calls it, and under which id it rests if it fails (none: it keeps its own
    time)."""

    name: str
    id: str
    order_id: str | None


class Pass:
    """One pass over everything, step by step. `everything` tries also what rests."""

    def __init__(self, shop: Shop, *, everything: bool, progress: Callable[[str], object]) -> None:
        self.shop = shop
        self.everything = everything
        self.report = Report()
        self._progress = progress
        self._answered = False
        self._faults = 0
        self._step_over = False
        self._silent = ""
        self._refusals: list[StripeKeyRefused] = []
        with shop.transaction() as session:
            if everything:
                setbacks.wake_all(session, now=shop.now())
            self._rests = setbacks.by_subject(session)

    @property
    def over(self) -> bool:
        """Whether nothing more is asked of Stripe in this step."""
        return bool(self.report.stopped) or self._step_over

    def step(self, act: "Callable[[Pass], None]") -> None:
        """Take one step. Whatever breaks in it, the next one is taken."""
        self._step_over = False
        try:
            act(self)
        except Exception as error:
            self.report.failed.append((act.__name__.strip("_"), masking.described(error)))

    def do(self, name: str, action: Callable[[], bool], *, id: str = "", order_id: str | None = None) -> None:
        """Try something that asks nobody; `action` returns whether it changed anything.

        If it fails it rests under its `id`; without one it keeps its own time.
        """
        self._try(_Object(name, id, order_id), action, asks=False)

    def ask(self, name: str, action: Callable[[], bool], *, id: str = "", order_id: str | None = None) -> None:
        """Try something that asks Stripe, unless nothing more is asked; else as `do`."""
        if not self.over:
            self._try(_Object(name, id, order_id), action, asks=True)

    def record_milestones(self) -> None:
        """Say for the next pass, and for whoever looks, how this one went."""
        now = self.shop.now()
        with self.shop.transaction() as session:
            if self._silent:
                milestones.record(session, Name.STRIPE_SILENT, at=now, detail=self._silent)
            elif self._answered:
                milestones.record(session, Name.STRIPE_ANSWERED, at=now)
            for refusal in self._refusals:
                milestones.record_refused(session, refusal, at=now)
            milestones.record(session, Name.SWEPT, at=now, detail=f"{self.report.checked} checked")

    def _try(self, about: _Object, action: Callable[[], bool], *, asks: bool) -> None:
        rest = self._rests.get(about.id)
        if rest and rest > self.shop.now():
            return
        self.report.checked += 1
        self._progress(about.name)
        try:
            changed = action()
        except StripeKeyRefused as refusal:
            self._turned_away(about, refusal)
        except StripeFaulty as error:
            self._faults += 1
            self._failed(about, error)
            if self._faults >= _SEVERAL:
                self._silent = self.report.stopped = masking.masked(str(error))
        except StripeUnreachable as error:
            self._silent = self.report.stopped = masking.masked(str(error))
            self.report.failed.append((about.name, self._silent))
        except Exception as error:
            self._heard(asks and isinstance(error, StripeRefused))
            self._failed(about, error)
        else:
            self._heard(asks)
            if changed:
                self.report.healed.append(about.name)
            if about.id in self._rests:
                with self.shop.transaction() as session:
                    setbacks.clear(session, about.id)

    def _heard(self, answered: bool) -> None:
        if answered:
            self._answered, self._faults = True, 0

    def _turned_away(self, about: _Object, refusal: StripeKeyRefused) -> None:
        """The key's fault and not the object's, which will be tried as soon as the key is mended."""
        said = masking.masked(str(refusal))
        self._refusals.append(refusal)
        self.report.failed.append((about.name, said))
        if isinstance(refusal, PermissionMissing):
            self._step_over = True  # what the other steps ask for it may well be allowed
        else:
            self.report.stopped = said

    def _failed(self, about: _Object, error: Exception) -> None:
        said = masking.described(error)
        self.report.failed.append((about.name, said))
        if about.id:
            # To name an order that somebody else has locked would be to wait for it once more, and in vain.
            order_id = None if is_held(error) else about.order_id
            with self.shop.transaction() as session:
                setbacks.note(session, about.id, said, order_id=order_id, now=self.shop.now())
