"""Growing models."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(
    ("copy_layers", "grow", "last_axis", "mask_new_units", "new_units", "norm_masks", "transformer_output_axes"),
    Helper("merge/test_growth.py"),
)
