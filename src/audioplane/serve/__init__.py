"""Heads that speak live in a browser: the web service of `audioplane serve`."""

import importlib.util

from audioplane.errors import ServeError

SERVE_PACKAGES = ("aiortc", "fastapi", "uvicorn", "websockets")
"""What the extra `serve` installs."""


def require_packages() -> None:
    """Raises `ServeError` where the extra is missing."""
    for package in SERVE_PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise ServeError(f'serve needs {package}: pip install "audioplane[serve]"')
