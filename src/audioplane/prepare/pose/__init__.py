"""Where the head is in every frame: camera and rigid pose."""
