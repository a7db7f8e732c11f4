"""The phonemes that the synthetic subject speaks: how each one sounds and how it looks.

Formants after Peterson and Barney (1952) and Klatt (1980), mouth shapes after the visemes of
Cohen and Massaro (1993). Lengths, amplitudes and mouth shapes are ours, set by ear and eye.
"""

from dataclasses import dataclass

SILENCE = "SIL"
"""The pause: no sound, mouth closed."""

_TABLE = """
#sym kind      ms   F1   F2   F3   voice breath hiss    Hz | jaw width round upper lower tong grip
SIL  pause     300  500 1500 2500   0.00  0.00   0.00  3000 | 0.00  0.0  0.0   0.0   0.0   0.2   1.0
AA   vowel     135  740 1150 2500   1.00  0.02   0.00  3000 | 1.00  0.1  0.0   0.3  -0.3   0.0   1.0
AE   vowel     135  680 1750 2500   0.97  0.02   0.00  3000 | 0.88  0.5  0.0   0.5  -0.3   0.1   1.0
AH   vowel      90  620 1250 2450   0.85  0.02   0.00  3000 | 0.62  0.0  0.0   0.2  -0.1   0.2   0.8
AO   vowel     130  590  900 2450   0.92  0.02   0.00  3000 | 0.78 -0.3  0.5   0.2  -0.2   0.1   1.0
EH   vowel     105  560 1850 2550   0.84  0.02   0.00  3000 | 0.60  0.4  0.0   0.3  -0.1   0.3   1.0
ER   vowel     120  480 1350 1700   0.74  0.02   0.00  3000 | 0.40 -0.2  0.4   0.2   0.0   0.5   0.9
IH   vowel      85  410 2000 2600   0.66  0.02   0.00  3000 | 0.36  0.5  0.0   0.3   0.0   0.6   0.9
IY   vowel     115  290 2350 3050   0.56  0.02   0.00  3000 | 0.24  1.0  0.0   0.4   0.0   0.8   1.0
UH   vowel      90  440 1050 2300   0.66  0.02   0.00  3000 | 0.34 -0.3  0.6   0.1   0.0   0.5   0.9
UW   vowel     120  310  900 2300   0.54  0.02   0.00  3000 | 0.20 -0.6  1.0   0.1   0.0   0.6   1.1
W    glide      70  290  640 2200   0.55  0.02   0.00  3000 | 0.08 -0.8  1.0   0.0   0.1   0.5   1.2
Y    glide      65  270 2250 3000   0.55  0.02   0.00  3000 | 0.20  0.7  0.0   0.3   0.0   0.9   0.7
L    glide      70  350 1050 2850   0.60  0.02   0.00  3000 | 0.30  0.1  0.0   0.2   0.0   1.0   0.7
R    glide      75  330 1080 1500   0.57  0.02   0.00  3000 | 0.22 -0.3  0.6   0.2   0.0   0.6   0.9
M    nasal      80  250 1050 2200   0.40  0.00   0.00  3000 | 0.02  0.0  0.0   0.0   0.0   0.3   1.4
N    nasal      70  260 1550 2500   0.43  0.00   0.00  3000 | 0.18  0.2  0.0   0.2   0.0   1.0   0.7
NG   nasal      80  270 2000 2600   0.43  0.00   0.00  3000 | 0.26  0.1  0.0   0.2   0.0   0.7   0.6
P    stop       95  300  900 2200   0.00  0.25   0.07  1200 | 0.02  0.0  0.0   0.0   0.0   0.3   1.4
B    stop       85  250  900 2200   0.09  0.05   0.04  1000 | 0.02  0.0  0.0   0.0   0.0   0.3   1.4
T    stop       80  350 1750 2650   0.00  0.22   0.20  4600 | 0.14  0.3  0.0   0.3   0.0   1.0   0.7
D    stop       70  280 1700 2600   0.09  0.05   0.13  4200 | 0.16  0.3  0.0   0.2   0.0   1.0   0.7
K    stop       90  320 1950 2350   0.00  0.22   0.16  2200 | 0.24  0.1  0.0   0.2   0.0   0.8   0.6
G    stop       75  270 1950 2350   0.09  0.05   0.10  2000 | 0.24  0.1  0.0   0.2   0.0   0.8   0.6
CH   stop      115  350 1800 2700   0.00  0.10   0.30  3200 | 0.12 -0.4  0.7   0.5  -0.2   0.9   1.0
JH   stop      100  280 1800 2700   0.09  0.05   0.23  3000 | 0.12 -0.4  0.7   0.5  -0.2   0.9   1.0
F    hiss       95  340 1100 2200   0.00  0.03   0.06  6200 | 0.08  0.2  0.0   0.3   0.9   0.3   1.3
V    hiss       70  240 1100 2200   0.22  0.02   0.02  6000 | 0.08  0.2  0.0   0.3   0.9   0.3   1.3
TH   hiss       90  330 1400 2600   0.00  0.03   0.06  7000 | 0.18  0.2  0.0   0.2   0.0   0.9   0.9
DH   hiss       55  280 1300 2550   0.26  0.02   0.01  6500 | 0.18  0.2  0.0   0.2   0.0   0.9   0.8
S    hiss      105  330 1500 2600   0.00  0.02   0.23  6000 | 0.13  0.6  0.0   0.6   0.0   0.9   1.1
Z    hiss       80  250 1500 2600   0.20  0.02   0.15  5800 | 0.13  0.6  0.0   0.6   0.0   0.9   1.1
SH   hiss      110  310 1800 2700   0.00  0.03   0.26  3100 | 0.10 -0.5  0.8   0.5  -0.2   0.9   1.1
ZH   hiss       85  260 1800 2700   0.20  0.02   0.16  2900 | 0.10 -0.5  0.8   0.5  -0.2   0.9   1.1
HH   hiss       60  520 1450 2500   0.00  0.26   0.00  1500 | 0.44  0.1  0.0   0.2   0.0   0.3   0.3
"""

DIPHTHONGS = {
    "AY": ("AA", "IH"),
    "EY": ("EH", "IY"),
    "OW": ("AO", "UW"),
    "AW": ("AA", "UH"),
    "OY": ("AO", "IY"),
}
"""A diphthong is spoken as its two vowels, the first one longer."""

BILABIALS = frozenset({"P", "B", "M"})
"""Phonemes that cannot be spoken without closing the lips."""


@dataclass(frozen=True)
class Phoneme:
    """One phoneme's sound and mouth shape."""

    symbol: str
    """ARPAbet without stress digit."""
    kind: str
    """pause, vowel, glide, nasal, stop or hiss."""
    seconds: float
    """Usual length."""
    formants: tuple[float, float, float]
    """F1 to F3, Hz."""
    voice: float
    """Amplitude of the glottal pulses, 0 to 1."""
    breath: float
    """Amplitude of breath noise through the formants."""
    hiss: float
    """Amplitude of friction noise (for stops: of the burst)."""
    hiss_hz: float
    """Centre of the friction noise, Hz."""
    shape: tuple[float, float, float, float, float, float]
    """jaw, width, rounding, upper, lower, tongue: where the articulators go (`Articulation`)."""
    grip: float
    """How strongly the shape asserts itself against its neighbours'."""


def _parse(table: str) -> dict[str, Phoneme]:
    phonemes = {}
    for line in table.strip().splitlines():
        if line.startswith("#"):
            continue
        symbol, kind, *rest = line.replace("|", " ").split()
        v = [float(x) for x in rest]
        shape = (v[8], v[9], v[10], v[11], v[12], v[13])
        phonemes[symbol] = Phoneme(
            symbol, kind, v[0] / 1000, (v[1], v[2], v[3]), v[4], v[5], v[6], v[7], shape, v[14]
        )
    return phonemes


PHONEMES = _parse(_TABLE)
"""All phonemes by symbol; diphthongs are written as two of them."""
