"""A small web app for the tests: each path does one thing that a test wants to see."""
import base64, fcntl, hashlib, json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/version":
            self.reply(os.environ["SLUGLINE_RELEASE_VERSION"])
        elif path == "/pid":
            self.reply(str(os.getpid()))
        elif path == "/connection":
            self.reply(str(self.client_address[1]))
        elif path == "/env":
            self.reply(json.dumps(dict(os.environ)))
        elif path == "/headers":
            self.reply(json.dumps({k.lower(): v for k, v in self.headers.items()}))
        elif path == "/slow":
            if float(query) >= 1:
                print("slow for", query, flush=True)
            time.sleep(float(query))
            self.reply(os.environ["SLUGLINE_RELEASE_VERSION"])
        elif path == "/healthz":
            print("asked for its health", flush=True)
            status = open("health").read() if os.path.exists("health") else "200"
            self.reply("", int(status))
        elif path == "/crash":
            print("last words", flush=True)
            os._exit(3)
        elif path == "/hang-up":
            self.close_connection = True
        elif path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nfirst\r\n")
            self.wfile.flush()
            time.sleep(float(query))
            self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
        elif path == "/socket":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.send_header("Sec-WebSocket-Accept", accept)
            self.end_headers()
            while data := self.connection.recv(4096):
                self.connection.sendall(data)
            self.close_connection = True
        else:
            self.reply("nothing here", 404)

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while (count := int(self.rfile.readline(), 16)) > 0:
                data += self.rfile.read(count)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(size)
        self.reply(hashlib.sha1(data).hexdigest())


class Server(ThreadingHTTPServer):
    request_queue_size = 512


if os.environ.get("ALONE"):
    alone = open("alone", "w")
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("listening", flush=True)
Server(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
