"""Training algorithms for JAX: small pure transforms that compose like Optax chains.

The algebra (`chain`, `gradient`, `Terms`, `Logits`, ...) stands here; the methods stand in rooms such as `algax.policy`.
"""

from .core import BatchTransform as BatchTransform
from .core import Curriculum as Curriculum
from .core import FactoredLogits as FactoredLogits
from .core import GradientState as GradientState
from .core import Logits as Logits
from .core import LossTransform as LossTransform
from .core import Metric as Metric
from .core import Record as Record
from .core import Terms as Terms
from .core import catalogue as catalogue
from .core import chain as chain
from .core import describe as describe
from .core import gradient as gradient
from .core import gradients as gradients
from .core import loss_transform as loss_transform
from .core import named_chain as named_chain
