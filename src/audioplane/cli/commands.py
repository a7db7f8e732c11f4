"""The commands by their names."""

from typing import Annotated

import tyro

from audioplane.cli.ablate import Ablate
from audioplane.cli.bench import Bench
from audioplane.cli.compare import Compare
from audioplane.cli.cross import Cross
from audioplane.cli.demo import Demo
from audioplane.cli.doctor import Doctor
from audioplane.cli.drive import Drive
from audioplane.cli.evaluate import Evaluate
from audioplane.cli.export import Export
from audioplane.cli.fleet import Fleet
from audioplane.cli.inspect import Inspect
from audioplane.cli.pack import Pack
from audioplane.cli.preflight import Preflight
from audioplane.cli.prepare import Prepare
from audioplane.cli.prior import Prior
from audioplane.cli.serve import Serve
from audioplane.cli.speech import Speech
from audioplane.cli.stress import Stress
from audioplane.cli.train import Train
from audioplane.cli.verify import Verify

Command = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Preflight, tyro.conf.subcommand("preflight")]
    | Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Speech, tyro.conf.subcommand("speech")]
    | Annotated[Prior, tyro.conf.subcommand("prior")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Drive, tyro.conf.subcommand("drive")]
    | Annotated[Pack, tyro.conf.subcommand("pack")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Cross, tyro.conf.subcommand("cross")]
    | Annotated[Stress, tyro.conf.subcommand("stress")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Ablate, tyro.conf.subcommand("ablate")]
    | Annotated[Fleet, tyro.conf.subcommand("fleet")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)
