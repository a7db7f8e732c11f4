"""Drive a head with a sound file: python examples/02_speak_a_file.py RUN speech.wav out.mp4"""

import sys

import audioplane as ap

run, speech, out = sys.argv[1:4]

talker = ap.Talker.open(run)
made = talker.write(speech, out)
for warning in made.warnings:
    print(warning)
print(f"{made.path}: {made.seconds:.2f} s")

# The same as numpy arrays, one at a time: nothing grows with the length of the speech.
brightness = [image.mean() for image in talker.speak(speech)]
print(f"{len(brightness)} frames of {talker.size}, mean brightness {brightness[0]:.0f}")

print("made with audioplane:", ap.verify_video(made.path).made_here)
