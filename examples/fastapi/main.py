import os

from fastapi import FastAPI, Depends
from jackstaff import FeatureFlagsClient

app = FastAPI()

# Initialize client
ff_client = FeatureFlagsClient(
    config_service_url=os.getenv("CONFIG_SERVICE_URL"),
    environment=os.getenv("ENVIRONMENT", "development")
)

@app.get("/api/users/{user_id}/dashboard")
async def get_dashboard(user_id: str):
    # Check feature flags
    new_ui = await ff_client.is_enabled("new_ui", user_id, default=False)
    dark_mode = await ff_client.is_enabled("dark_mode", user_id, default=False)
    
    if new_ui:
        return {"template": "new_dashboard", "dark_mode": dark_mode}
    else:
        return {"template": "old_dashboard", "dark_mode": dark_mode}
