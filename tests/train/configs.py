"""A training plan of seconds."""

from audioplane.train import TrainConfig

TINY = TrainConfig(
    speech="mel",
    coarse_iterations=40,
    fine_iterations=40,
    half_size_iterations=20,
    initial_points=200,
    max_gaussians=400,
    moving="face",
    lambda_lips=0.1,
    poses_from=10,
    densify_from=10,
    densify_until=60,
    densify_every=10,
    audio_run_length=8,
    validate_every=20,
    checkpoint_every=30,
)
