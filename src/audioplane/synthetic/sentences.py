"""What the synthetic subject says: sentences for training, and held-out ones."""

from audioplane.synthetic.phonemes import DIPHTHONGS

_LEXICON = """
a:AH about:AH-B-AW-T all:AO-L and:AE-N-D apple:AE-P-AH-L are:AA-R at:AE-T away:AH-W-EY
baby:B-EY-B-IY back:B-AE-K big:B-IH-G bird:B-ER-D birds:B-ER-D-Z blue:B-L-UW boat:B-OW-T
boats:B-OW-T-S boy:B-OY bread:B-R-EH-D bridge:B-R-IH-JH bring:B-R-IH-NG brown:B-R-AW-N by:B-AY
came:K-EY-M can:K-AE-N cat:K-AE-T choose:CH-UW-Z cold:K-OW-L-D come:K-AH-M day:D-EY days:D-EY-Z
deep:D-IY-P dog:D-AO-G door:D-AO-R down:D-AW-N every:EH-V-R-IY fall:F-AO-L far:F-AA-R
father:F-AA-DH-ER find:F-AY-N-D fire:F-AY-ER fish:F-IH-SH five:F-AY-V food:F-UW-D for:F-AO-R
four:F-AO-R fox:F-AA-K-S from:F-R-AH-M garden:G-AA-R-D-AH-N girl:G-ER-L give:G-IH-V go:G-OW
gold:G-OW-L-D good:G-UH-D green:G-R-IY-N happy:HH-AE-P-IY has:HH-AE-Z have:HH-AE-V he:HH-IY
hear:HH-IY-R her:HH-ER home:HH-OW-M hot:HH-AA-T house:HH-AW-S how:HH-AW i:AY in:IH-N is:IH-Z
it:IH-T joy:JH-OY jumps:JH-AH-M-P-S keep:K-IY-P lake:L-EY-K large:L-AA-R-JH lazy:L-EY-Z-IY
leaves:L-IY-V-Z let:L-EH-T light:L-AY-T little:L-IH-T-AH-L long:L-AO-NG look:L-UH-K make:M-EY-K
man:M-AE-N many:M-EH-N-IY map:M-AE-P may:M-EY me:M-IY moon:M-UW-N more:M-AO-R
morning:M-AO-R-N-IH-NG mother:M-AH-DH-ER mountain:M-AW-N-T-AH-N music:M-Y-UW-Z-IH-K my:M-AY
name:N-EY-M new:N-UW night:N-AY-T no:N-OW now:N-AW of:AH-V old:OW-L-D on:AA-N one:W-AH-N or:AO-R
open:OW-P-AH-N our:AW-ER out:AW-T over:OW-V-ER paper:P-EY-P-ER park:P-AA-R-K people:P-IY-P-AH-L
picture:P-IH-K-CH-ER play:P-L-EY please:P-L-IY-Z pleasure:P-L-EH-ZH-ER quick:K-W-IH-K rain:R-EY-N
read:R-IY-D red:R-EH-D river:R-IH-V-ER road:R-OW-D sail:S-EY-L say:S-EY sea:S-IY see:S-IY
seven:S-EH-V-AH-N she:SH-IY shop:SH-AA-P show:SH-OW sing:S-IH-NG sky:S-K-AY small:S-M-AO-L
snow:S-N-OW soft:S-AO-F-T some:S-AH-M song:S-AO-NG soon:S-UW-N stars:S-T-AA-R-Z stop:S-T-AA-P
story:S-T-AO-R-IY street:S-T-R-IY-T summer:S-AH-M-ER sun:S-AH-N table:T-EY-B-AH-L talk:T-AO-K
tall:T-AO-L tell:T-EH-L that:DH-AE-T the:DH-AH their:DH-EH-R there:DH-EH-R they:DH-EY
thing:TH-IH-NG think:TH-IH-NG-K this:DH-IH-S three:TH-R-IY time:T-AY-M to:T-UW today:T-UW-D-EY
together:T-UW-G-EH-DH-ER town:T-AW-N tree:T-R-IY two:T-UW under:AH-N-D-ER up:AH-P very:V-EH-R-IY
village:V-IH-L-IH-JH voice:V-OY-S wait:W-EY-T walk:W-AO-K warm:W-AO-R-M was:W-AA-Z watch:W-AA-CH
water:W-AO-T-ER way:W-EY we:W-IY what:W-AH-T when:W-EH-N where:W-EH-R white:W-AY-T will:W-IH-L
wind:W-IH-N-D window:W-IH-N-D-OW winter:W-IH-N-T-ER with:W-IH-TH word:W-ER-D world:W-ER-L-D
yellow:Y-EH-L-OW yes:Y-EH-S you:Y-UW young:Y-AH-NG your:Y-AO-R
"""

LEXICON = {word: phones.split("-") for word, phones in (w.split(":") for w in _LEXICON.split())}
"""English words and their phonemes."""

TRAINING = (
    "the moon came up over the old village and the lake",
    "my father was a tall man with a very big voice",
    "please open the window and let the warm wind in",
    "she can hear the birds sing in the garden every morning",
    "bring me the map and show me the way to the park",
    "five little boats sail far away on the blue sea",
    "we talk about the people in the town all day long",
    "how many apple leaves fall down from the tree",
    "the baby has a yellow cat and i have a brown dog",
    "what a pleasure it is to walk home together",
    "give her some bread and water and a hot fish",
    "i think that music will make the world more happy",
    "the young girl was out in the snow at night",
    "wait for me by the large white house on the mountain road",
    "you may choose a new picture for the paper",
    "now the fire is hot and our food is good",
)
"""Sentences that a subject is made of."""

HELD_OUT = (
    "the quick brown fox jumps over the lazy dog",
    "seven stars look down on the cold winter street",
    "mother will read you a story about the river of gold",
    "watch the red boat go under the bridge",
    "stop at the shop and find your young boy a small table",
    "yes they have a soft voice when they say my name",
    "no one is at the door and the summer rain is soon there",
    "keep this thing for three or four more days",
)
"""Sentences that are never in a subject: the ones to judge a head with."""


def pronounce(sentence: str) -> list[str]:
    """Phonemes of a sentence of lexicon words, diphthongs as their two vowels."""
    phones = [p for word in sentence.split() for p in LEXICON[word]]
    return [part for p in phones for part in DIPHTHONGS.get(p, (p,))]
