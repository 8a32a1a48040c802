"""A notebook, as its authors publish it."""

import marimo

app = marimo.App()


@app.cell
def _() -> None:
    import marimo as mo  # noqa: PLC0415 - cells import

    mo.md("# Teas")
