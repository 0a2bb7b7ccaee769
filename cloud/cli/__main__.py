"""`python -m cloud.cli` is `headwater-cloud`."""

from cloud.cli.main import app

app()
