"""A config service of the guide's kind, whose answers a test writes: two endpoints, and anything wrong that a service can do."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeService:
    """``answer`` is what comes back from the evaluate endpoint, and ``batch`` from the batch endpoint: a function of the request's body that
    returns ``(status, headers, bytes)``, or an object that becomes JSON. Rulesets are not found, as with a service that only knows the guide."""

    def __init__(self):
        self.answer = {"enabled": True, "reason": "user_targeted"}
        self.batch = {}
        self.delay = 0.0
        self.requests = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait for the client's delayed ACK

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.reply(404, {}, b"{}")

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"null")
                fake.requests.append((self.path, body, dict(self.headers)))
                time.sleep(fake.delay)
                said = fake.batch if "/batch" in self.path else fake.answer
                if callable(said):
                    said = said(body)
                if isinstance(said, tuple):
                    self.reply(*said)
                else:
                    self.reply(200, {"content-type": "application/json"}, json.dumps(said).encode())

            def reply(self, status, headers, content):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "content-length" not in {name.lower() for name in headers}:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                if headers.get("content-length", "") not in ("", str(len(content))):
                    self.close_connection = True  # half a body, and then nothing

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # a client that hangs up is not the test's business

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


#: What services send in place of an answer, by what it is.
NONSENSE = {
    "html": (200, {"content-type": "text/html"}, b"<html>please log in</html>"),
    "500": (500, {}, b"oops"),
    "503": (503, {"retry-after": "1"}, b""),
    "429": (429, {}, b"{}"),
    "401": (401, {}, b'{"error":{"code":"unauthorized","message":"no key"}}'),
    "nothing": (200, {"content-type": "application/json"}, b""),
    "half_a_body": (200, {"content-type": "application/json", "content-length": "500"}, b'{"enabled": tr'),
    "text_for_a_boolean": (200, {"content-type": "application/json"}, b'{"enabled": "false"}'),
    "null": (200, {"content-type": "application/json"}, b'{"enabled": null}'),
    "no_field": (200, {"content-type": "application/json"}, b'{"reason": "user_targeted"}'),
    "a_list": (200, {"content-type": "application/json"}, b"[1, 2]"),
    "not_utf8": (200, {"content-type": "application/json"}, b'{"enabled": "\xff\xfe"}'),
}
