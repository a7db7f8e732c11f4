"""A head under silence, noise, music and shouting."""
