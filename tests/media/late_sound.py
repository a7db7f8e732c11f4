"""Files whose sound begins after their images."""

from pathlib import Path

import av


def with_late_sound(path: Path, out: Path, seconds: float) -> Path:
    """A copy whose sound track begins so much later."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.pts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += round(seconds / packet.time_base)
                packet.dts += round(seconds / packet.time_base)
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    return out
