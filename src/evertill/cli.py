"""The command line: `evertill serve`, `import`, `demo`, `crowd`, `audit`, `staff`."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from evertill.app import open_shop
from evertill.audit import NotAuditable, audit_at
from evertill.audit.telling import tell, tell_json
from evertill.catalog.importing import ImportReport, import_products
from evertill.catalog.incoming import RowProblem
from evertill.catalog.online_retail import demo_report_text, load_demo_catalog
from evertill.clock import utc_now
from evertill.demo import DayOpened, NoDemo, Tally, find_demo, let_in, open_the_day, present
from evertill.demo.crowd import PER_SECOND_MAX
from evertill.logs import begin_logging
from evertill.refusals import Refusal
from evertill.serve import AlreadyServing, NoShop, database_as_it_is, database_of, serve, serve_ready, the_only_one
from evertill.settings import BadSetting, Settings, read_settings, without_password
from evertill.signing import BadSecret, Signer, load_secret
from evertill.staff import Role, create_staff, everybody, new_password, set_password
from evertill.storage import Pool, open_pool
from evertill.storage.migrate import UnfitDatabase

app = typer.Typer(no_args_is_help=True, add_completion=False)
staff_app = typer.Typer(no_args_is_help=True, help="Who may use the operator console at /ops.")
app.add_typer(staff_app, name="staff")
# A line stays a line: what is read by a log or another program is not broken at the 80th column.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Result = TypeVar("Result")
Data = Annotated[Path | None, typer.Option(help="The data folder. Default: ./.evertill")]
DatabaseUrl = Annotated[str | None, typer.Option(help="Your own PostgreSQL instead of the embedded one.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Default: 8000")]
Workers = Annotated[int | None, typer.Option(help="Worker processes. Default: 1")]

DEMO_ADMIN = "admin@evertill.example"
_DEMO_DAY_SECONDS_MAX = 20.0  # it takes half a one
_CROWD_NICE = 10  # the shop comes first
_CROWD_TELLS_SECONDS = 10.0


@app.callback()
def _evertill() -> None:
    """Evertill sells limited deals at the peak of a sale day and stays open while things around it break."""


@app.command(name="serve")
def serve_command(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workers: Workers = None,
    database_url: DatabaseUrl = None,
    public_url: Annotated[str | None, typer.Option(help="How the world reaches the shop: https://shop.example")] = None,
    smtp_url: Annotated[str | None, typer.Option(help="smtp://… or smtps://…; without it letters are kept")] = None,
) -> None:
    """Serve storefront, API and operator console until told to stop."""
    settings = read_settings(
        {
            "host": host, "port": port, "data": data, "workers": workers, "database_url": database_url,
            "public_url": public_url, "smtp_url": smtp_url,
        }
    )  # fmt: skip
    out.print(f"Evertill serves {settings.address} from {_where(settings)}")
    serve(settings)


@app.command(name="import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A Shopify product CSV.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """
    Import products from a Shopify product CSV, also while the shop serves.

    Rows that cannot be are reported with line, column and reason; the rest is imported. Importing the same file
    twice changes nothing. Ends with 1 if a row was reported.
    """
    settings = read_settings({"data": data, "database_url": database_url})
    with database_of(settings) as ready:
        report = _run(ready, lambda pool: _import(pool, file, ready))
    out.print(
        f"{report.products:,} products and {report.variants:,} variants accepted, "
        f"{report.unchanged:,} of them unchanged; {report.problems:,} problems."
    )
    if report.problems:
        raise typer.Exit(1)


async def _import(pool: Pool, file: Path, settings: Settings) -> ImportReport:
    with _bytes_bar("Importing") as bar:
        task = bar.add_task("Importing", total=None)

        def on_problem(problem: RowProblem) -> None:
            bar.console.print(f"{file.name}, {problem}", style="yellow", markup=False)

        return await import_products(
            pool,
            file,
            currency=settings.currency,
            now=utc_now(),
            on_problem=on_problem,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


@app.command()
def demo(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workers: Workers = None,
    database_url: DatabaseUrl = None,
    crowd: Annotated[bool, typer.Option("--crowd", help="With a simulated crowd that shops in it.")] = False,
) -> None:
    """Serve a shop on a real catalogue (the UCI Online Retail data, derived and attributed) with a deal day running."""
    settings = read_settings(
        {"host": host, "port": port, "data": data, "workers": workers, "database_url": database_url}
    )
    with the_only_one(settings), database_of(settings) as ready:
        _run(ready, _stock_the_demo)
        admin, password = _run(ready, lambda pool: _demo_admin(pool, ready))
        _open_the_demo_day(ready, admin)
        out.print()
        out.print(f"  Shop      {ready.address}", style="bold")
        out.print(f"  Console   {ready.address}/ops   {DEMO_ADMIN}   {password}", style="bold")
        out.print(f"  API       {ready.address}/openapi")
        out.print("  Payments  are the sandbox's: choose at the checkout how they end. Letters are kept at /ops/mail.")
        if crowd:
            out.print("  Crowd     is on: people who are none shop in it, a few a second.")
        else:
            out.print(
                f"  Crowd     evertill crowd{f' --data {data}' if data else ''}   in another terminal; Ctrl-C ends it"
            )
        out.print("  Ctrl-C    stops it; what was sold stays sold.")
        out.print()
        with present(ready), _crowd_of(ready) if crowd else nullcontext():
            serve_ready(ready)


@contextmanager
def _crowd_of(settings: Settings) -> Iterator[None]:
    """A crowd in a process of its own, which ends with this one, however it ends."""
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "evertill.cli", "crowd", "--data", settings.data],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@app.command(name="crowd")
def crowd_command(
    data: Data = None,
    per_second: Annotated[float, typer.Option(help="People a second, on average.", min=0.1, max=PER_SECOND_MAX)] = 1.5,
    seed: Annotated[int, typer.Option(help="Draws who comes and what they do.")] = 1,
) -> None:
    """
    Let a simulated crowd shop in the demo that is served from this data folder, until Ctrl-C or until the demo ends.

    It asks nobody but that demo, on this machine.
    """
    settings = read_settings({"data": data})
    demo = find_demo(settings.data)
    tally = Tally()

    async def run() -> None:
        telling = asyncio.create_task(_tell_of(tally))
        try:
            await let_in(
                demo, per_second=per_second, seed=seed, tally=tally, told=lambda fault: err.print(f"crowd: {fault}")
            )
        finally:
            telling.cancel()

    os.nice(_CROWD_NICE)
    out.print(f"A crowd shops at {demo.address}. Ctrl-C ends it.")
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
    finally:
        out.print(f"{tally}.")
    if tally.faults:
        raise typer.Exit(1)


async def _tell_of(tally: Tally) -> None:
    while True:
        await asyncio.sleep(_CROWD_TELLS_SECONDS)
        out.print(f"{tally}.")


async def _stock_the_demo(pool: Pool) -> None:
    if await pool.fetchval("SELECT EXISTS (SELECT FROM product)"):
        return
    with _count_bar("Stocking the shelves") as bar:
        task = bar.add_task("Stocking the shelves", total=None)
        await load_demo_catalog(
            pool,
            now=utc_now(),
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    out.print(demo_report_text(), markup=False)


async def _demo_admin(pool: Pool, settings: Settings) -> tuple[UUID, str]:
    """The demo's admin and password: made at the first start, kept in the data folder for its owner only."""
    kept = settings.data / "demo-admin-password"
    admin = next((member.id for member in await everybody(pool) if member.email == DEMO_ADMIN), None)
    if kept.exists() and admin is not None:
        return admin, kept.read_text().strip()
    password = new_password()
    if admin is None:
        made = await create_staff(
            pool, email=DEMO_ADMIN, name="Demo admin", role=Role.ADMIN, password=password, by=None, now=utc_now()
        )
        admin = made.id
    else:
        await set_password(pool, email=DEMO_ADMIN, password=password, by=None, now=utc_now())
    with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
    return admin, password


def _open_the_demo_day(settings: Settings, admin: UUID) -> None:
    """A deal day that runs. What cannot be had of it in good time the shop opens without, and says so."""

    async def run() -> DayOpened:
        async with AsyncExitStack() as stack:
            shop = await open_shop(settings, Signer(load_secret(settings.data)), utc_now, stack)
            async with asyncio.timeout(_DEMO_DAY_SECONDS_MAX):
                return await open_the_day(shop, staff_id=admin, now=utc_now())

    try:
        with err.status("Opening a deal day"):
            opened = asyncio.run(run())
    except TimeoutError:
        err.print(f"The deal day is not whole: it took more than {_DEMO_DAY_SECONDS_MAX:g} seconds.", style="yellow")
    except Refusal as refusal:
        err.print(f"The deal day is not whole: {refusal.sentence}", style="yellow", markup=False)
    else:
        if opened.planned:
            out.print(
                f"A deal day was planned: {opened.deals} deals on best sellers; {opened.orders:,} orders were placed "
                f"and {opened.units_claimed:,} units claimed, as if it had been open for hours."
            )


@app.command(name="audit")
def audit_command(
    data: Data = None,
    database_url: DatabaseUrl = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """
    Prove the books from the tables alone, also while the shop serves. Changes nothing.

    Ends with 0 if they balance, with 1 if there is an anomaly (each is shown with the rows that prove it), with 2 if
    the audit could not be run.
    """
    settings = read_settings({"data": data, "database_url": database_url})
    try:
        with database_as_it_is(settings) as url, err.status("Auditing"):
            report = asyncio.run(audit_at(url, now=utc_now()))
    except (NoShop, NotAuditable) as error:
        _not_audited(str(error))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _not_audited(str(error) or type(error).__name__)
    if json:
        sys.stdout.write(tell_json(report) + "\n")
    else:
        tell(report, out)
    if report.anomalies:
        raise typer.Exit(1)


def _not_audited(why: str) -> NoReturn:
    err.print(f"evertill: the audit could not be run: {why}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(2)


@staff_app.command(name="add")
def add_staff(
    email: Annotated[str, typer.Option(help="What they sign in with.")],
    name: Annotated[str, typer.Option(help="How the console calls them.")],
    role: Annotated[Role, typer.Option(help="viewer, operator or admin")] = Role.ADMIN,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a member of staff, for example the first admin. Prints the password, once."""
    password = new_password()
    settings = read_settings({"data": data, "database_url": database_url})
    with database_of(settings) as ready:
        _run(
            ready,
            lambda pool: create_staff(
                pool, email=email, name=name, role=role, password=password, by=None, now=utc_now()
            ),
        )
    out.print(f"{email} is {role.value} now. The password, shown this once:")
    out.print(password, style="bold")


@staff_app.command(name="password")
def staff_password(
    email: Annotated[str, typer.Option(help="Whose password.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a member of staff a new password. Prints it, once; every sign-in of theirs ends."""
    password = new_password()
    settings = read_settings({"data": data, "database_url": database_url})
    with database_of(settings) as ready:
        _run(ready, lambda pool: set_password(pool, email=email, password=password, by=None, now=utc_now()))
    out.print(f"The new password of {email}, shown this once:")
    out.print(password, style="bold")


def _run(settings: Settings, verb: Callable[[Pool], Coroutine[Any, Any, Result]]) -> Result:
    """Run one verb of the business on a pool of its own."""

    async def run() -> Result:
        assert settings.database_url is not None
        pool = await open_pool(
            settings.database_url, purpose="command", size=4, statement_ms_max=120_000, lock_ms_max=10_000
        )
        try:
            return await verb(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def _where(settings: Settings) -> str:
    return without_password(settings.database_url) if settings.database_url else str(settings.data)


@contextmanager
def _bytes_bar(title: str) -> Iterator[Progress]:
    with Progress(TextColumn(title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=err) as bar:
        yield bar


@contextmanager
def _count_bar(title: str) -> Iterator[Progress]:
    with Progress(TextColumn(title), BarColumn(), MofNCompleteColumn(), console=err) as bar:
        yield bar


def main() -> None:
    """The entry point: refusals are said in a sentence, without a trace."""
    begin_logging()
    try:
        app(standalone_mode=True)
    except (BadSetting, BadSecret, AlreadyServing, NoDemo, UnfitDatabase) as error:
        err.print(f"evertill: {error}", style="red", markup=False)
        sys.exit(2)
    except Refusal as refusal:
        if isinstance(refusal.__cause__, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
            _cannot_use_database(refusal.__cause__)
        err.print(f"evertill: {refusal.sentence}", style="red", markup=False)
        sys.exit(1)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        _cannot_use_database(error)


def _cannot_use_database(error: BaseException) -> NoReturn:
    said = str(error) or type(error).__name__  # a deadline that passed says nothing
    if isinstance(error, asyncpg.InternalClientError):  # asyncpg's word for a server that died in mid-sentence
        said = "the connection was lost"
    err.print(f"evertill: the database cannot be reached or used: {said}", style="red", markup=False)
    sys.exit(3)


if __name__ == "__main__":
    main()
