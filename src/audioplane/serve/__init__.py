"""Heads that speak live in a browser: the web service of `audioplane serve`."""
