"""The contract every transform keeps, as checks that anyone can run on a transform of their own."""

from .curricula import check_batch_transform as check_batch_transform
from .curricula import check_curriculum as check_curriculum
from .errors import ContractError as ContractError
from .errors import TracedJit as TracedJit
from .losses import CHECKS as CHECKS
from .losses import Subject as Subject
from .losses import check_devices as check_devices
from .losses import check_finite_differences as check_finite_differences
from .losses import check_gradient_flow as check_gradient_flow
from .losses import check_jit as check_jit
from .losses import check_loss as check_loss
from .losses import check_microbatches as check_microbatches
from .losses import run_checks as run_checks
from .schedules import check_schedule as check_schedule
from .updates import check_update as check_update
