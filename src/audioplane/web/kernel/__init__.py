"""WebAssembly that draws a head: C sources, the built file, and how it is built."""
