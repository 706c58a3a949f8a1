"""An S3 server on loopback for the tests, moto's, in which requests fail now and then.

Run by the Python of `scripts/setup-python s3`; prints its port as the first line, and serves until it is ended.
`GET /_faults/N` makes every Nth request from then on fail, 0 none: in turns an overload (503 SlowDown) and an error
of the server's own (500). `GET /_faults` answers how many failed.
"""
import itertools
import os
import sys
import threading

for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ[key] = "test"

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ANSWERS = itertools.cycle([("503 Slow Down", "SlowDown"), ("500 Internal Server Error", "InternalError")])


class Faulty:
    """A WSGI application that lets most requests through."""

    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()
        self.every = self.seen = self.failed = 0

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/_faults"):
            return self.told(path, start_response)
        with self.lock:
            self.seen += 1
            fails = self.every > 0 and self.seen % self.every == 0
            self.failed += fails
        if not fails:
            return self.app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))  # or the client sees a broken connection
        with self.lock:
            status, code = next(ANSWERS)
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def told(self, path, start_response):
        with self.lock:
            if path != "/_faults":
                self.every, self.seen = int(path.rsplit("/", 1)[1]), 0
            body = str(self.failed).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


server = make_server("127.0.0.1", 0, Faulty(DomainDispatcherApplication(create_backend_app)), threaded=True)
print(server.port, flush=True)
sys.stderr = open(os.devnull, "w")  # a line for each request
server.serve_forever()
