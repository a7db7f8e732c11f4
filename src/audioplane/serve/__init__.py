"""Live heads in a browser: the web service of `audioplane serve`."""

import importlib.util

from audioplane.errors import ServeError

SERVE_PACKAGES = ("aiortc", "fastapi", "uvicorn", "websockets")
"""The packages of the extra `serve`."""


def require_packages() -> None:
    """Raises `ServeError` where the extra is missing."""
    for package in SERVE_PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise ServeError(f'serve needs {package}: pip install "audioplane[serve]"')
