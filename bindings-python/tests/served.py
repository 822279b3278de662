"""A service as people write them, for every kind of server: one client, made and used when the module is imported, which is before the server forks.

``application`` is its WSGI form, ``asgi`` its ASGI form, ``app`` its Celery form. Each says who answers and what the client knows.
"""

import json
import os

from jackstaff import FeatureFlagsClient, SyncFeatureFlagsClient

client = SyncFeatureFlagsClient(os.environ["CONFIG_SERVICE_URL"], "production")
awaited = FeatureFlagsClient(os.environ["CONFIG_SERVICE_URL"], "production")
remote = SyncFeatureFlagsClient(os.environ["CONFIG_SERVICE_URL"], "production", 0, evaluation="remote")
changes = []
client.on_change(changes.append)
if not os.environ.get("FRESH"):
    # Threads, connections and a stream are there at the fork.
    client.ready(20)
    assert client.is_enabled("new_ui", "in the master") and remote.is_enabled("new_ui", "in the master")


def about(enabled):
    stats = client.stats()
    return {
        "pid": os.getpid(),
        "enabled": enabled,
        "remote": remote.evaluate("new_ui", "somebody", False).as_dict(),
        "status": stats["status"],
        "checks": stats["checks"],
        "changes": len(changes),
    }


def application(environ, start_response):
    text = json.dumps(about(client.is_enabled("new_ui", "somebody"))).encode()
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(text)))])
    return [text]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    text = json.dumps(about(await awaited.is_enabled("new_ui", "somebody"))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": text})


if os.environ.get("CELERY_FOLDER"):
    from celery import Celery

    folder = os.environ["CELERY_FOLDER"]
    app = Celery("served", broker="filesystem://", backend=f"file://{folder}/results")
    app.conf.update(
        broker_transport_options={
            "data_folder_in": f"{folder}/queue",
            "data_folder_out": f"{folder}/queue",
            "processed_folder": f"{folder}/done",
            "control_folder": f"{folder}/control",
        },
        worker_hijack_root_logger=False,
    )

    @app.task(name="check")
    def check():
        return about(client.is_enabled("new_ui", "somebody"))
