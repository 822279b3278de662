"""Feature flags, evaluated in your process, with the same answer in every language.

A client keeps its environment's flags in memory, follows their changes, and answers from there::

    from jackstaff import FeatureFlagsClient

    client = FeatureFlagsClient("http://config-service:8082", "production")

    async def dashboard(user_id: str) -> str:
        new = await client.is_enabled("new_ui", user_id, context={"plan": "pro"})
        return "new_dashboard" if new else "old_dashboard"

Make one client when the service starts and share it: between tasks, event loops and threads, and across a fork.
``SyncFeatureFlagsClient`` is the same without ``await``, ``MockFeatureFlagsClient`` is for tests. A check never raises for anything
that the network does; what nobody can answer is the default that the caller gave, and ``evaluate`` says why.
"""

from ._native import Context, Evaluation, __version__
from .client import BoundFlag, FeatureFlagsClient
from .mock import Check, MockFeatureFlagsClient, SyncMockFeatureFlagsClient
from .sync import SyncBoundFlag, SyncFeatureFlagsClient

__all__ = [
    "BoundFlag",
    "Check",
    "Context",
    "Evaluation",
    "FeatureFlagsClient",
    "MockFeatureFlagsClient",
    "SyncBoundFlag",
    "SyncFeatureFlagsClient",
    "SyncMockFeatureFlagsClient",
    "__version__",
]
