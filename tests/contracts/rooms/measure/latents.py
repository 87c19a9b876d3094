"""Examples of the room `measure`: latents of reasoning."""

from ...kinds import Helper

EXAMPLES = {"LatentDiversity": Helper("measure/test_latents.py"), "latent_diversity": Helper("measure/test_latents.py")}
