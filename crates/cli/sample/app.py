"""The sample app of the tour: one page, made of nothing but Python's standard library.

It shows which release it is, its config vars, and a counter that lives in memcached once the
memcache add-on is there.
"""

import html
import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EDITION = "first edition"
SHOWN = ("GREETING", "WORKERS", "MEMCACHE_SERVERS", "SLUGLINE_APP", "SLUGLINE_RELEASE_VERSION")


def visits():
    """Counts this visit in memcached; None where the app has no memcache add-on."""
    servers = os.environ.get("MEMCACHE_SERVERS")
    if not servers:
        return None
    host, port = servers.split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        answers = connection.makefile("rb")
        connection.sendall(b"add visits 0 0 1\r\n0\r\n")
        answers.readline()
        connection.sendall(b"incr visits 1\r\n")
        return int(answers.readline())


def status():
    return {
        "edition": EDITION,
        "release": os.environ["SLUGLINE_RELEASE_VERSION"],
        "greeting": os.environ.get("GREETING", "Hello"),
        "workers": int(os.environ.get("WORKERS", "1")),
        "visits": visits(),
    }


def page(now):
    vars_ = "".join(
        f"<tr><th>{key}</th><td>{html.escape(os.environ[key])}</td></tr>"
        for key in SHOWN
        if key in os.environ
    )
    counted = "no memcache yet" if now["visits"] is None else f"visit {now['visits']}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(now["greeting"])}</title>
<style>
  body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem }}
  h1 {{ margin-bottom: 0 }}
  table {{ border-collapse: collapse; margin-top: 2rem; font-size: 15px }}
  th, td {{ text-align: left; padding: .3rem 1.2rem .3rem 0; border-top: 1px solid #ccc }}
  th {{ font-weight: 600 }}
</style></head>
<body><h1>{html.escape(now["greeting"])}</h1>
<p>Release {now["release"]}, {now["edition"]}, {counted}.</p>
<table>{vars_}</table></body></html>
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            now = status()
            if self.path == "/status.json":
                self.answer(200, "application/json", json.dumps(now))
            else:
                self.answer(200, "text/html; charset=utf-8", page(now))
        except Exception as error:  # a broken config var is the page's answer, not the server's end
            print(f"error: {error}", flush=True)
            self.answer(500, "text/plain; charset=utf-8", "Something is wrong; see the log.\n")

    def answer(self, code, kind, text):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(f"{self.command} {self.path} {args[1]}", flush=True)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print(f"{EDITION} is ready", flush=True)
    server.serve_forever()
