"""The public names of `algax.decode`: samplers and logits transforms, which have tests of their own."""

from ..kinds import Helper

LOGITS, SAMPLING = Helper("decode/test_logits.py"), Helper("decode/test_sampling.py")

EXAMPLES = {
    "Decoder": SAMPLING,
    "Samples": SAMPLING,
    "sample": SAMPLING,
    "chain_logits": LOGITS,
    "min_p": LOGITS,
    "temperature": LOGITS,
    "top_k": LOGITS,
    "top_p": LOGITS,
}
