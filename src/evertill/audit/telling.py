"""What an audit found, for a person at a terminal and for a program."""

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evertill.audit.model import Finding, Report, Row


def tell(report: Report, console: Console) -> None:
    """A table of the checks; then every kind of anomaly, what it means, and what proves it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check")
    table.add_column("proves")
    table.add_column("rows", justify="right")
    table.add_column("anomalies", justify="right")
    for check in report.checks:
        style = "red" if check.anomalies else "green"
        table.add_row(check.name, check.promise, f"{check.rows:,}", Text(f"{check.anomalies:,}", style=style))
    console.print(table)
    for check in report.checks:
        for finding in check.findings:
            _tell_finding(finding, console)
    console.print()
    many = f"{report.anomalies:,} {'anomaly' if report.anomalies == 1 else 'anomalies'}"
    verdict = many if report.anomalies else "The books balance"
    console.print(
        f"{verdict}. Audited in {report.seconds:.1f} s, as of {report.began_at:%Y-%m-%d %H:%M:%S} UTC.",
        style="bold red" if report.anomalies else "bold green",
    )


def tell_json(report: Report) -> str:
    """The report as one JSON document."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def _tell_finding(finding: Finding, console: Console) -> None:
    console.print()
    console.print(f"{finding.kind}: {finding.count:,}", style="bold red", markup=False)
    console.print(finding.kind.sentence, markup=False)
    for anomaly in finding.shown:
        console.print(f"  {anomaly.subject}", style="bold", markup=False, soft_wrap=True)
        for row in anomaly.proof:
            console.print(f"    {_line(row)}", markup=False, soft_wrap=True)
    if finding.count > len(finding.shown):
        console.print(f"  … and {finding.count - len(finding.shown):,} more", markup=False)


def _line(row: Row) -> str:
    if row.facts is None:
        return f"{row.table}: no such row"
    facts = " ".join(f"{name}={'none' if value is None else value}" for name, value in row.facts.items())
    return f"{row.table}: {facts}"
