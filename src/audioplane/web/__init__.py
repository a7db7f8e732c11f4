"""A head as static files with which any browser shows it, without a server (docs/browser.md)."""

from audioplane.web.export import WebExport, export_web

__all__ = ["WebExport", "export_web"]
