"""The module that the integration guide tells services to copy, here as a part of the package: its imports run unchanged.

``from feature_flags_client import FeatureFlagsClient`` is ``from jackstaff import FeatureFlagsClient``.
"""

from jackstaff import (
    Context,
    Evaluation,
    FeatureFlagsClient,
    MockFeatureFlagsClient,
    SyncFeatureFlagsClient,
    SyncMockFeatureFlagsClient,
)

__all__ = [
    "Context",
    "Evaluation",
    "FeatureFlagsClient",
    "MockFeatureFlagsClient",
    "SyncFeatureFlagsClient",
    "SyncMockFeatureFlagsClient",
]
