"""The algebra: terms, transforms, chains, distributions, gradients, and the contract they all keep."""

from .catalogue import Record as Record
from .catalogue import catalogue as catalogue
from .distribution import FactoredLogits as FactoredLogits
from .distribution import Logits as Logits
from .gradient import GradientState as GradientState
from .gradient import gradient as gradient
from .gradient import gradients as gradients
from .kinds import BatchTransform as BatchTransform
from .kinds import Curriculum as Curriculum
from .terms import Metric as Metric
from .terms import Terms as Terms
from .transform import LossTransform as LossTransform
from .transform import chain as chain
from .transform import describe as describe
from .transform import loss_transform as loss_transform
from .transform import named_chain as named_chain
