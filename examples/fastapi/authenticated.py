"""The guide's dashboard for a service that faces the world: who asks is proved first, and both flags are one batch.

The guide's route evaluates as whoever its path names, so that anybody can see what anybody is served. Here a signed session says who
asks; in your service that is whatever signs people in already. `main.py` beside this is the guide's program as it stands.
"""

import hashlib
import hmac
import os
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException
from jackstaff import FeatureFlagsClient

SESSION_KEY = os.environ["SESSION_KEY"].encode()
flags = FeatureFlagsClient.from_env()


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with flags:
        yield


app = FastAPI(lifespan=lifespan)


def signature(user: str) -> str:
    return hmac.new(SESSION_KEY, user.encode(), hashlib.sha256).hexdigest()


def signed_in(authorization: Annotated[str, Header()] = "") -> str:
    """The user whose session it is: `Authorization: Bearer USER.SIGNATURE`."""
    user, _, signed = authorization.removeprefix("Bearer ").rpartition(".")
    # As bytes and in constant time: what a stranger sends may be any text.
    if not user or not hmac.compare_digest(signature(user).encode(), signed.encode()):
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": "Bearer"})
    return user


@app.get("/api/users/{user_id}/dashboard")
async def get_dashboard(user_id: str, user: Annotated[str, Depends(signed_in)]):
    if user_id != user:
        raise HTTPException(403, "this is somebody else's dashboard")
    answers = await flags.batch_evaluate(["new_ui", "dark_mode"], user)
    template = "new_dashboard" if answers["new_ui"] else "old_dashboard"
    return {"template": template, "dark_mode": answers["dark_mode"]}
