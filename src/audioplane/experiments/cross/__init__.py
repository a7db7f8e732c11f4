"""Every head speaks every file."""
