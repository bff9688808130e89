"""Statements that can be read, named and run by hand: the loader of each slice's queries.sql."""

import re
from importlib.resources import files

_HEADER = re.compile(r"^-- (?P<name>[a-z_0-9]+) --$", re.MULTILINE)


class Statements(dict[str, str]):
    """
    The named statements of one slice: statements["lock_stock"].

    A file holds blocks of a line `-- name --`, comment lines that say what it is for, then the SQL.
    Each text is tagged with its caller, so that pg_stat_activity and the slow log say who asks.
    """

    @classmethod
    def of(cls, package: str, filename: str = "queries.sql") -> "Statements":
        """
        Load the statements beside a package's modules.

        Raises:
            ValueError: A name occurs twice.
        """
        text = files(package).joinpath(filename).read_text("utf-8")
        slice_name = package.rpartition(".")[2]
        statements = cls()
        headers = list(_HEADER.finditer(text))
        for header, following in zip(headers, [*headers[1:], None], strict=True):
            name = header["name"]
            if name in statements:
                raise ValueError(f"{package}/{filename}: statement {name} is there twice")
            body = text[header.end() : following.start() if following else len(text)]
            sql = "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip().rstrip(";")
            statements[name] = f"/* {slice_name}.{name} */ {sql}"
        return statements
