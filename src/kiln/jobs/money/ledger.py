"""The ledger: what every job holds, and what it cost. Entries are only added; nothing is charged or given back twice.

At submit a job holds its price; at its end the hold is settled to what was measured, or released. Entries are signed, so that their sum is
what is spent or held at any time. Unique constraints in `tables` let each (job, backend) be held once and closed once, whatever code does.
All entries of a job count for the day (UTC) on which it was submitted: what is given back is given back to the day it was taken from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from kiln.errors import BudgetError, InputError
from kiln.jobs.money.prices import MICRODOLLARS_PER_DOLLAR, Charge
from kiln.jobs.records.database import Database
from kiln.jobs.records.tables import LEDGER, QUOTAS, TENANTS
from kiln.jobs.records.tenants import add_tenant, lock_tenant
from kiln.jobs.records.upsert import insert_or_update

EVERYBODY: Final = "*"
"""In the place of a tenant: all tenants together."""

_WARN_PERCENT: Final = 80


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    job_id: str
    item: str
    kind: str
    """ "hold", "settle" or "release"."""

    microdollars: int
    gpu_ms: int
    """Both signed: what this entry adds to what is spent or held."""

    day: str
    """UTC, as 2026-11-20."""

    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one backend did for a tenant on one day, holds included."""

    day: str
    item: str
    microdollars: int
    gpu_ms: int


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How long a backend may work a day, for one tenant or for EVERYBODY together."""

    tenant: str
    item: str
    gpu_ms_a_day: int


class Ledger:
    """Budgets, quotas and what was used of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_budget(self, tenant: str, *, microdollars: int | None) -> None:
        """Let a tenant spend so much in all; None for no limit. What is spent or held already counts."""
        _check_limit(microdollars)

        def write(connection: Connection) -> None:
            add_tenant(connection, tenant)
            connection.execute(TENANTS.update().where(TENANTS.c.tenant == tenant).values(budget_microdollars=microdollars))

        self._database.write(write)

    def set_quota(self, item: str, *, gpu_ms_a_day: int | None, tenant: str = EVERYBODY) -> None:
        """Let a backend work so long a day, for one tenant or for all together; None for no limit."""
        _check_limit(gpu_ms_a_day)

        def write(connection: Connection) -> None:
            if gpu_ms_a_day is None:
                connection.execute(QUOTAS.delete().where(QUOTAS.c.item == item, QUOTAS.c.tenant == tenant))
                return
            limit = {"gpu_ms_a_day": gpu_ms_a_day}
            insert_or_update(connection, QUOTAS, {"item": item, "tenant": tenant, **limit}, update=limit)

        self._database.write(write)

    def budgets(self) -> Mapping[str, int]:
        """Micro-dollars that tenants may spend in all, of those that have a limit."""
        query = select(TENANTS.c.tenant, TENANTS.c.budget_microdollars).where(TENANTS.c.budget_microdollars.is_not(None))
        rows = self._database.read(lambda connection: connection.execute(query.order_by(TENANTS.c.tenant)).all())
        return {tenant: int(budget) for tenant, budget in rows}

    def quotas(self) -> tuple[Quota, ...]:
        """Every quota there is."""
        query = select(QUOTAS.c.tenant, QUOTAS.c.item, QUOTAS.c.gpu_ms_a_day).order_by(QUOTAS.c.item, QUOTAS.c.tenant)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Quota(tenant=tenant, item=item, gpu_ms_a_day=limit) for tenant, item, limit in rows)

    def spent(self, tenant: str) -> int:
        """Micro-dollars a tenant has spent or held so far."""
        query = select(TENANTS.c.used_microdollars).where(TENANTS.c.tenant == tenant)
        return self._database.read(lambda connection: connection.execute(query).scalar_one_or_none()) or 0

    def use(self, tenant: str, *, since: str) -> tuple[Use, ...]:
        """What a tenant used from a day (UTC, as 2026-11-20) on, by day and backend."""
        query = (
            select(LEDGER.c.day, LEDGER.c.item, func.sum(LEDGER.c.microdollars), func.sum(LEDGER.c.gpu_ms))
            .where(LEDGER.c.tenant == tenant, LEDGER.c.day >= since)
            .group_by(LEDGER.c.day, LEDGER.c.item)
            .order_by(LEDGER.c.day, LEDGER.c.item)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Use(day=day, item=item, microdollars=int(money), gpu_ms=int(work)) for day, item, money, work in rows)

    def entries(self, job_id: str) -> tuple[Entry, ...]:
        """A job's lines, oldest first."""
        return self._database.read(lambda connection: entries_of(connection, job_id))


def day_of(at_ms: int) -> str:
    """The day in UTC, as 2026-11-20."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def admit(connection: Connection, *, tenant: str, charges: Sequence[Charge], at_ms: int) -> tuple[str, ...]:
    """Warnings of what is nearly used up, if a tenant may take on these charges; until the transaction ends, nobody else can take the same.

    Raises BudgetError when a budget or a quota would be passed.
    """
    account = lock_tenant(connection, tenant)
    budget = _check_budget(account.budget_microdollars, account.used_microdollars, charges)
    return (*budget, *_check_quotas(connection, tenant, charges, day_of(at_ms)))


def hold(connection: Connection, *, job_id: str, tenant: str, charges: Sequence[Charge], at_ms: int) -> tuple[Entry, ...]:
    """Hold the price of a job that `admit` let in, within the same transaction; the new entries."""
    day = day_of(at_ms)
    entries = [
        Entry(job_id=job_id, item=charge.item, kind="hold", microdollars=charge.microdollars, gpu_ms=charge.gpu_ms, day=day, at_ms=at_ms)
        for charge in _by_item(charges).values()
    ]
    return _append(connection, tenant, entries)


def close(
    connection: Connection, *, job_id: str, tenant: str, held: Iterable[Entry], measured: Iterable[Charge] | None, at_ms: int
) -> tuple[Entry, ...]:
    """Settle what a job held to what was measured, or with None release it, within the transaction that ends it; the new entries."""
    holds = {entry.item: entry for entry in held}
    actual = _by_item(measured or ())
    kind = "release" if measured is None else "settle"
    day = next((entry.day for entry in holds.values()), day_of(at_ms))
    entries = []
    for item in sorted(holds.keys() | actual.keys()):
        nothing = Charge(item=item, microdollars=0)
        before, after = holds.get(item, nothing), actual.get(item, nothing)
        money, work = after.microdollars - before.microdollars, after.gpu_ms - before.gpu_ms
        entries.append(Entry(job_id=job_id, item=item, kind=kind, microdollars=money, gpu_ms=work, day=day, at_ms=at_ms))
    return _append(connection, tenant, entries)


def _by_item(charges: Iterable[Charge]) -> dict[str, Charge]:
    """Charges by backend. InputError when one is named twice: whoever adds charges up must not lose one."""
    found: dict[str, Charge] = {}
    for charge in charges:
        if charge.item in found:
            raise InputError(f"{charge.item} is charged twice at once: add its charges up, as charges_for does")
        found[charge.item] = charge
    return found


def _append(connection: Connection, tenant: str, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Add the entries, and their sum to what the tenant has used."""
    if entries:
        connection.execute(LEDGER.insert(), [{**asdict(entry), "tenant": tenant} for entry in entries])
    total = sum(entry.microdollars for entry in entries)
    if total:
        used = TENANTS.c.used_microdollars + total
        connection.execute(TENANTS.update().where(TENANTS.c.tenant == tenant).values(used_microdollars=used))
    return tuple(entries)


def entries_of(connection: Connection, job_id: str) -> tuple[Entry, ...]:
    """A job's lines, oldest first, as this transaction sees them."""
    rows = connection.execute(select(LEDGER).where(LEDGER.c.job_id == job_id).order_by(LEDGER.c.number)).mappings()
    return tuple(entry_of(row) for row in rows)


def _check_budget(budget: int | None, used: int, charges: Sequence[Charge]) -> list[str]:
    """A warning when the tenant's budget is nearly used up; BudgetError when this would pass it."""
    price = sum(charge.microdollars for charge in charges)
    if budget is None or price == 0:
        return []
    if used + price > budget:
        raise BudgetError(
            f"this costs {_dollars(price)}, and of the budget of {_dollars(budget)} only {_dollars(max(0, budget - used))} are left: "
            "ask for more budget, or for less"
        )
    return _warning("of the budget", used=used + price, limit=budget)


def _check_quotas(connection: Connection, tenant: str, charges: Sequence[Charge], day: str) -> list[str]:
    """Warnings when a backend's day is nearly used up; BudgetError when this would pass it. The quotas' rows stay locked."""
    work = {charge.item: charge.gpu_ms for charge in charges if charge.gpu_ms}
    if not work:
        return []
    applies = QUOTAS.c.tenant.in_((tenant, EVERYBODY)) & QUOTAS.c.item.in_(sorted(work))
    limits = connection.execute(select(QUOTAS).where(applies).order_by(QUOTAS.c.item, QUOTAS.c.tenant).with_for_update()).all()
    warnings = []
    for whose, item, limit in limits:
        everybody = whose == EVERYBODY
        used = _sum_of(connection, LEDGER.c.gpu_ms, LEDGER.c.item == item, LEDGER.c.day == day, or_(everybody, LEDGER.c.tenant == tenant))
        if used + work[item] > limit:
            raise BudgetError(
                f"{item} would work {work[item] / 1000:g} s, and of today's {limit / 1000:g} s only {max(0, limit - used) / 1000:g} s are "
                "left: submit it tomorrow (UTC), ask for a larger quota, or use another backend"
            )
        warnings += _warning(f"of today's quota of {item}", used=used + work[item], limit=limit)
    return warnings


def _warning(what: str, *, used: int, limit: int) -> list[str]:
    """A sentence from 80 % on."""
    return [f"{100 * used // limit} % {what} is used or held"] if limit and 100 * used >= _WARN_PERCENT * limit else []


def _sum_of(connection: Connection, column: ColumnElement[int], *conditions: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(column), 0)).where(*conditions)).scalar_one())


def entry_of(row: Mapping[Any, Any]) -> Entry:
    """The entry a row of `ledger` tells of."""
    return Entry(**{field.name: row[field.name] for field in fields(Entry)})


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 0:
        raise InputError(f"a limit of {limit} is negative: 0 forbids, None lifts the limit")


def _dollars(microdollars: int) -> str:
    return f"${microdollars / MICRODOLLARS_PER_DOLLAR:.6f}".rstrip("0").rstrip(".")
