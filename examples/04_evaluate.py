"""Score a head on its held-out frames: python examples/04_evaluate.py RUN out"""

import sys

import audioplane as ap

run, out = sys.argv[1:3]

evaluation = ap.evaluate_run(run, out=out, poses="tracked", report=lambda p: print(p.task, p.done))
for region, scores in evaluation.reports["tracked"].means.items():
    print(f"{region}: PSNR {scores.psnr:.2f} dB")
print(f"{evaluation.speed.model_and_raster:.0f} frames/s; {out}/report.html shows the rest")
