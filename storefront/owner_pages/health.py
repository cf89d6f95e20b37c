from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.jobs.standing import JobRow, Stage
from core.owner.doctor.findings import Examination, Finding, Level
from core.owner.needs import attention
from core.owner.needs.items import Item
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import events, machinery, webhooks
from core.registers.events import EventRow, Replayed
from core.registers.machinery import LastPass, Machinery
from core.registers.paging import Page
from storefront import amounts, dates, frame, links, process, words
from storefront.back_office import bar, dialogs, gate, lists, refusals, states

shop = process.shop()
STAGES = {
    Stage.DEAD: ("Gave up", "red", "error"),
    Stage.RUNNING: ("Running", "blue", "play_arrow"),
    Stage.WAITING: ("Waiting", "gray", "schedule"),
}
LEVELS = {
    Level.WRONG: ":red[:material/error:]",
    Level.LATER: ":orange[:material/schedule:]",
    Level.FINE: ":green[:material/check_circle:]",
}
KEPT = {
    "orders": "Orders", "stripe_events": "Events of Stripe", "letters": "Letters", "fulfillment_log": "History of orders",
    "downloads": "Downloads", "sign_ins": "Sign-ins", "carts": "Carts", "audit_log": "Log of the staff",
}  # fmt: skip
# What keeps buyers from paying, and what else of all that needs a person the machine itself lacks.
NOBODY_PAYS = ("stripe_unreachable", "stripe_key_refused")
LACKING = (
    *NOBODY_PAYS, "webhook_silent", "permission_missing", "storage_unreachable", "file_missing", "older_file_missing",
)  # fmt: skip
CHECKS = {"database": "Database", "worker": "Worker", "sweep": "Asking Stripe what no webhook told"}


def draw_verdict(lacking: Sequence[Item], waiting: Mapping[str, int], machine: Machinery) -> None:
    """In one sentence whether selling works, and then what is to be looked at."""
    troubles = [*map(said_of, lacking), *said_of_checks(machine), *said_of_waiting(waiting, machine)]
    if troubles:
        works = not any(stops_payments(item) for item in lacking)
        title = "Selling works, but something needs a look" if works else "Buyers cannot pay just now"
        st.warning("  \n".join(troubles), title=title, icon=":material/error:")
    else:
        st.markdown(
            ":green[:material/check_circle:] **Selling works.** All that Stripe told had its effect, and no job gave up."
        )


def stops_payments(item: Item) -> bool:
    """Whether nobody can pay meanwhile; a key that lacks some permission may still open payment pages."""
    return item.topic in NOBODY_PAYS and item.subject != "permissions"


def said_of(item: Item) -> str:
    """What is lacking, and what to do about it."""
    about = ". ".join(filter(None, (item.subject, item.detail)))
    return f"**{item.topic.replace('_', ' ').capitalize()}**: {words.plain(about)}. {words.told(item.advice)}"


def said_of_checks(machine: Machinery) -> Iterator[str]:
    """What the shop is made of and is not at work, and what it means that it is not."""
    failing = {check.name for check in machine.checks if not check.ok}
    if "worker" in failing:
        yield "The worker is not at work: buyers can pay and open what they bought, but no letter goes out until it is started."
    elif failing:
        yield f"{' and '.join(CHECKS[name] for name in CHECKS if name in failing)}: see *Checks*."
    if found := machine.examination and len(machine.examination.wrong):
        yield f"The doctor found {words.count(found, 'thing that is', 'things that are')} wrong: see *Doctor*."


def said_of_waiting(waiting: Mapping[str, int], machine: Machinery) -> Iterator[str]:
    """What has had no effect, and what can be done about it."""
    if events_left := sum(waiting.values()):
        yield (
            f"{words.count(events_left, 'event', 'events')} of Stripe had no effect yet. Replaying is safe: what has worked does"
            " nothing the second time."
        )
    if dead := len(machine.jobs[Stage.DEAD]):
        yield f"{words.count(dead, 'job', 'jobs')} gave up: see *Jobs*, and try again once the cause is gone."


def draw_counts(waiting: Mapping[str, int], machine: Machinery) -> None:
    """How much has not had its effect, in a row."""
    some = {f"Events {states.EVENT[state][0].lower()}": count for state, count in waiting.items()}
    some["Jobs that gave up"] = len(machine.jobs[Stage.DEAD])
    with st.container(horizontal=True, gap="small", key="health-counts"):
        for label, count in some.items():
            shown = f"{events.COUNTED}+" if count >= events.COUNTED else count
            st.metric(label, shown, border=True, width=165)


def draw_events(page: Page[EventRow], state: str, me: Staff, *, waiting: int) -> None:
    """What Stripe told, and what became of it."""
    with frame.card("events", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.header("Events", anchor=False)
            if waiting and me.may(Action.MEND):
                draw_replay_all(page)
        lists.choice("State", events.STATES, {each: states.EVENT[each][0] for each in states.EVENT}, name="state")
        for row in page.rows:
            draw_event(row, me)
        if not page.rows:
            st.markdown("No event of this state." if state else "Stripe has not told anything yet.")
        lists.draw_paging(page.before, page.after)


def draw_event(row: EventRow, me: Staff) -> None:
    """One event."""
    with st.container(key=f"row-{row.id}", gap="xxsmall"):
        other = "" if row.livemode is shop.settings.livemode else " :gray-badge[Other mode]"
        st.markdown(f"{states.badge(states.EVENT[row.state])} **{words.plain(row.type)}**{other}")
        if row.error:
            words.quiet(words.plain(row.error))
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
            tries = f", tried {words.count(row.attempts, 'time', 'times')}" if row.attempts > 1 else ""
            words.quiet(f"{states.moment(row.received_at)}{tries} · {words.plain(row.id)}", width="content")
            draw_ways_on(row, me)


def draw_ways_on(row: EventRow, me: Staff) -> None:
    """What can be looked at or done beside an event."""
    with st.container(horizontal=True, width="content", gap="small", vertical_alignment="center"):
        if row.order_id:
            links.trailing(links.ORDER, "Open the order", id=row.order_id)
        st.button(
            "What Stripe sent", type="tertiary", icon=":material/data_object:", key=f"payload-{row.id}",
            on_click=dialogs.opener(f"payload-{row.id}"),
        )  # fmt: skip
        if row.waits and me.may(Action.MEND):
            st.button(
                "Replay", type="tertiary", icon=":material/replay:", key=f"replay-{row.id}", on_click=lists.click,
                args=(f"replay-{row.id}-{row.attempts}", lambda deed: replay(row, deed)),
            )  # fmt: skip


def replay(row: EventRow, deed: Deed) -> str:
    """Apply it once more; what to say about it."""
    try:
        worked = events.replay(shop, row.id, deed=deed)
    except ShopError:
        raise
    except Exception as error:  # the cause is there still, and stands with the event
        return f"It failed again: {type(error).__name__}."
    return "That worked." if worked else "Done, and it still waits for its order."


def draw_replay_all(page: Page[EventRow]) -> None:
    """The button that replays all that failed or is parked, and how far it is."""
    newest = page.rows[0] if page.rows else None
    name = f"replay-all-{newest and newest.id}-{newest and newest.attempts}"
    if not st.button("Replay all that wait", icon=":material/replay:", key="replay-all"):
        return
    bar = st.progress(0.0, "Replaying")
    try:
        done = events.replay_all(
            shop, deed=gate.deed(name), progress=lambda number, of: bar.progress(number / of, f"{number} of {of}")
        )
    except ShopError as error:
        refusals.draw(error)
        return
    finally:
        gate.open_token(name)
    st.session_state[dialogs.SAID] = told(done)
    st.rerun()


def told(done: Replayed) -> str:
    """What came of replaying all of them."""
    worked = words.count(done.worked, "event has", "events have")
    left = f" {len(done.left)} still could not be applied: each says why." if done.left else ""
    return f"{worked} had an effect.{left}"


@st.dialog("What Stripe sent", icon=":material/data_object:", width="large", on_dismiss=dialogs.close)
def show_payload(event_id: str) -> None:
    """The event, without what people told of themselves."""
    gate.me()
    words.quiet("Names, addresses and secrets are masked.")
    try:
        st.code(events.payload(shop, event_id), language="json", height=480)
    except ShopError as error:
        refusals.draw(error)


def draw_jobs(machine: Machinery, me: Staff) -> None:
    """What the shop owes the outside: what gave up first."""
    with frame.card("jobs", gap="small"):
        st.header("Jobs", anchor=False)
        counts = [
            f"{len(machine.jobs[stage])}{'+' if machine.is_more(stage) else ''} {STAGES[stage][0].lower()}"
            for stage in STAGES
        ]
        words.quiet(" · ".join(counts))
        for stage in STAGES:
            for job in machine.jobs[stage]:
                draw_job(job, me)


def draw_job(job: JobRow, me: Staff) -> None:
    """One job."""
    with st.container(key=f"row-job-{job.id}", gap="xxsmall"):
        st.markdown(f"{states.badge(STAGES[job.stage])} {words.plain(job.id)}")
        words.quiet(f"{words.plain(job.said)} · {states.moment(job.since)}" if job.said else states.moment(job.since))
        if job.stage is Stage.DEAD and me.may(Action.MEND):
            st.button(
                "Try again", type="tertiary", icon=":material/refresh:", key=f"retry-{job.id}", on_click=lists.click,
                args=(f"retry-{job.id}-{job.since}", lambda deed: retry(job, deed)),
            )  # fmt: skip


def retry(job: JobRow, deed: Deed) -> str:
    """Let it have its turn again; what to say about it."""
    if machinery.retry_job(shop, job.id, deed=deed):
        return "It waits for its turn. The worker takes it within seconds."
    return "It is not dead any more."


def draw_checks(machine: Machinery) -> None:
    """Whether what the shop is made of is at work."""
    with frame.card("checks", gap="small"):
        st.header("Checks", anchor=False)
        for check in machine.checks:
            icon = ":green[:material/check_circle:]" if check.ok else ":red[:material/error:]"
            with st.container(gap=None):
                st.markdown(f"{icon} **{CHECKS[check.name]}**")
                heard = f"Last heard of {dates.age(check.age)} ago." if check.age is not None else ""
                never = "Never heard of." if not check.ok and check.since is None else ""
                words.quiet(words.plain(check.error) or heard or never or "It answers.")
        for mistake in machine.mistakes:
            with st.container(gap=None):
                st.markdown(f":orange[:material/warning:] **{words.plain(mistake.subject)}**")
                words.quiet(words.told(mistake.sentence))
        if not machine.mistakes:
            mode = "a live key" if shop.settings.livemode else "the sandbox" if shop.settings.demo else "a test key"
            st.markdown(f":green[:material/check_circle:] The settings are fit for {mode}.")


def draw_doctor(last: Examination | None, me: Staff) -> None:
    """What the doctor found last, what is wrong first, and one more look."""
    with frame.card("doctor", gap="small"):
        st.header("Doctor", anchor=False)
        if last is None:
            st.markdown("Nobody has looked yet. The worker does once a day.")
        else:
            words.quiet(f"Keys, permissions, webhook, prices, storage, mail: looked at {states.moment(last.at)}.")
            for finding in sorted(last.findings, key=lambda each: list(LEVELS).index(each.level)):
                draw_finding(finding)
        if me.may(Action.MEND) and st.button("Look again", icon=":material/stethoscope:", key="examine"):
            examine(f"examine-{last and last.at}")


def draw_finding(finding: Finding) -> None:
    """One finding: what, why, how."""
    with st.container(gap=None):
        st.markdown(f"{LEVELS[finding.level]} {words.plain(finding.what)}")
        if finding.level is not Level.FINE:
            words.quiet(words.told(" ".join(filter(None, (finding.why, finding.how)))))


def examine(name: str) -> None:
    """Have the doctor look here and now, and say what it is at."""
    with st.status("Looking", expanded=False) as status:
        try:
            machinery.examine(
                shop, deed=gate.deed(name), progress=lambda check: status.update(label=f"Looking at {check}")
            )
        except ShopError as error:
            status.update(label="Not done", state="error")
            refusals.draw(error)
            return
    st.rerun()


def draw_pass(last: LastPass | None, me: Staff) -> None:
    """How the last pass of reconciliation went, and one more."""
    with frame.card("pass", gap="small"):
        st.header("Reconciliation", anchor=False)
        words.quiet("Asks Stripe for what no webhook told: events, payments, refunds, plans, the balance.")
        if last is None:
            st.markdown("No pass has ended yet.")
        else:
            st.markdown(f"The last pass ended {dates.age(last.age)} ago: {words.plain(last.said)}.")
            if last.silent:
                st.markdown(f":red[:material/error:] Stripe did not answer: {words.plain(last.silent)}")
        if me.may(Action.MEND) and st.button("Run now", icon=":material/sync:", key="reconcile"):
            reconcile(f"reconcile-{last and last.ended_at}")


def reconcile(name: str) -> None:
    """Run a pass here and now, and say what it is at."""
    with st.status("Asking Stripe", expanded=True) as status:
        line = st.empty()
        try:
            report = machinery.reconcile(
                shop, deed=gate.deed(name), progress=lambda subject: line.markdown(words.plain(subject))
            )
        except ShopError as error:
            status.update(label="Not done", state="error")
            refusals.draw(error)
            return
        line.empty()
        well = not report.failed and not report.stopped
        status.update(label=f"{report.checked} checked", state="complete" if well else "error", expanded=True)
        healed = words.count(len(report.healed), "thing was", "things were")
        st.markdown(f"{healed} put right." if report.healed else "Nothing was missing.")
        for name, reason in report.failed[:20]:
            words.quiet(f"{words.plain(name)}: {words.plain(reason)}")
        if report.stopped:
            words.quiet(f"Stopped early: {words.plain(report.stopped)}")


def draw_webhooks() -> None:
    """The endpoints of the seller's own programs, and whether they take what they are told."""
    with shop.reading() as session:
        found = webhooks.listed(session)
    with frame.card("webhooks", gap="small"):
        st.header("Outgoing webhooks", anchor=False)
        for row in found:
            well = not row.off and not row.failing_since
            icon = ":green[:material/check_circle:]" if well else ":red[:material/error:]"
            with st.container(gap=None):
                st.markdown(f"{icon} **{words.plain(row.name)}**")
                if row.off:
                    words.quiet(f"Off. {words.count(row.held, 'message waits', 'messages wait')}.")
                elif not well:
                    words.quiet(f"{words.plain(row.failure)}. It is tried again.")
        if not found:
            words.quiet("Your programs are told nothing.")
        links.to(links.WEBHOOKS, "All that was told", where="webhooks")


def draw_runs(machine: Machinery) -> None:
    """The workers that were heard of last."""
    with frame.card("runs", gap="small"):
        st.header("Workers", anchor=False)
        if not machine.runs:
            st.markdown("None was ever at work here. Start one with `python -m worker`.")
        for run in machine.runs:
            state = "lost" if run.lost else "stopped" if run.ended else "at work"
            color = {"lost": "red", "stopped": "gray", "at work": "green"}[state]
            with st.container(gap=None):
                st.markdown(f":{color}-badge[{state.capitalize()}] {words.plain(run.host)}, process {run.pid}")
                began = states.moment(run.started_at)
                words.quiet(f"{run.kind.capitalize()}, since {began}, last heard of {dates.age(run.silence)} ago")


def draw_kept(machine: Machinery) -> None:
    """How much there is, and when what was kept long enough was looked for."""
    with frame.card("kept", gap="small"):
        st.header("What is kept", anchor=False)
        words.quiet(f"The database has {amounts.size(machine.sizes.total)}. About so many rows:")
        with st.container(gap="xxsmall"):
            for table, count in machine.sizes.rows.items():
                amounts.pair(KEPT.get(table, table), f"{count:,}")
        if machine.retained is None:
            st.markdown("Nothing was forgotten yet: the worker looks every ten minutes.")
        else:
            said = f": {words.plain(machine.retained.detail.replace('_', ' '))}" if machine.retained.detail else ""
            age = dates.age(shop.now() - machine.retained.at)
            words.quiet(f"What is older than the settings say was forgotten {age} ago{said}.")


me = gate.me()
state = lists.asked("state")
with shop.reading() as session:
    page = events.page(session, state, place=lists.place())
    waiting = events.waiting(session)
machine = machinery.look(shop)
with frame.column(1180):
    bar.draw_title("Health")
    lists.draw_said()
    draw_verdict([item for item in attention.items(shop) if item.topic in LACKING], waiting, machine)
    draw_counts(waiting, machine)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        draw_events(page, state, me, waiting=sum(waiting.values()))
    with right:
        draw_checks(machine)
        draw_doctor(machine.examination, me)
        draw_jobs(machine, me)
        draw_pass(machine.last_pass, me)
        draw_webhooks()
        draw_runs(machine)
        draw_kept(machine)
    for row in page.rows:
        if dialogs.is_open(f"payload-{row.id}"):
            show_payload(row.id)
