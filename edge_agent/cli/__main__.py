"""`python -m edge_agent.cli`."""

from edge_agent.cli.main import app

if __name__ == "__main__":
    app()
