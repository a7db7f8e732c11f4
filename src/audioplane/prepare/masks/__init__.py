"""What every pixel shows: head, neck, torso, background."""
