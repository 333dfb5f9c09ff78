"""A migrated database of its own for the proofs, holding kept promises: each test breaks one, looks, and rolls back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from studio import config, db, egress
from studio.services import guards
from studio.services.proofs import PROOFS, Page, Result, measure
from studio.services.proofs.telling import LEGAL_PAGES


@dataclass
class Bench:
    """The owner's connection in a transaction that ends in a rollback, the settings, and the public pages."""

    session: AsyncSession
    ours: config.Settings
    pages: dict[str, Page] = field(default_factory=dict)

    async def run(self, statement: str, **parameters: Any) -> Any:
        """As the database's owner, who may change anything."""
        result = await self.session.execute(text(statement), parameters)
        return result.scalar() if isinstance(result, CursorResult) and result.returns_rows else None

    async def look(self, path: str) -> Page:
        return self.pages.get(path, Page(404, ""))

    async def prove(self, name: str) -> Result:
        """One proof, measured as the product does: with the system's role."""
        await self.run("SET LOCAL ROLE studio_sys")
        proof = next(each for each in PROOFS if each.id == name)
        (result,) = await measure(self.session, ours=self.ours, look=self.look, proofs=[proof])
        await self.run("RESET ROLE")
        return result

    async def account(self, email: str = "", **columns: Any) -> UUID:
        """An account whose person said how old they are."""
        made = uuid4()
        await self.run(
            "INSERT INTO accounts (id, email, attested_at) VALUES (:id, :email, studio_now())",
            id=made,
            email=email or f"{made.hex}@example.org",
        )
        for name, value in columns.items():
            await self.run(f"UPDATE accounts SET {name} = :value WHERE id = :id", value=value, id=made)
        return made

    async def has(self, table: str) -> bool:
        """Whether this schema has a table."""
        return bool(await self.run("SELECT to_regclass(:name) IS NOT NULL", name=table))


def documents(ours: config.Settings) -> dict[str, Page]:
    """Every legal page as it should be."""
    said = f"{ours.region} mailto:{ours.privacy_contact} mailto:{ours.legal_contact}"
    return {path: Page(200, said) for path in LEGAL_PAGES}


@asynccontextmanager
async def opened(url: str, ours: config.Settings) -> AsyncIterator[Bench]:
    """A bench whose guards have just reported that all is well."""
    engine = create_async_engine(db.sqlalchemy_url(url), poolclass=NullPool)
    async with AsyncSession(engine) as session:
        reports: tuple[tuple[str, guards.Process], ...] = (("egress", "web"), ("egress", "worker"), ("cookies", "web"))
        for guard, process in reports:
            await guards.write(session, guard=guard, process=process, allowed=3, refused=0)
        egress.install(ours)
        try:
            yield Bench(session, ours, documents(ours))
        finally:
            egress.stand_down()
        await session.rollback()
    await engine.dispose()
