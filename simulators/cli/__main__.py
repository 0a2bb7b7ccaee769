"""`python -m simulators.cli` is `headwater-sim`."""

from simulators.cli.main import app

app()
