# An app whose answers tell the release they are from: at once, slowly, in pieces, over a WebSocket. MODE
# says in which way it is bad.
import base64, hashlib, os, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELEASE = os.environ["SLUGLINE_RELEASE_VERSION"]
MODE = os.environ.get("MODE", "good")
busy = 0
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        global busy
        if self.path not in ("/stream", "/socket"):
            return self.answer()
        with lock:
            busy += 1
        try:
            self.answer()
        finally:
            with lock:
                busy -= 1

    def answer(self):
        if self.path == "/healthz":
            return self.whole(500 if MODE == "unhealthy" else 200)
        if self.path == "/stream":
            return self.stream()
        if self.path == "/socket":
            return self.socket()
        if self.path == "/slow":
            time.sleep(0.3)
        self.whole(200)

    def whole(self, status):
        body = RELEASE.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(8):
            piece = (RELEASE + "\n").encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def socket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        # Text frames, masked as clients must; each is answered with the release. A close frame ends it.
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            mask, length = self.rfile.read(4), head[1] & 0x7F
            text = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))
            if head[0] & 0x0F == 8:
                self.wfile.write(bytes([0x88, 0]))
                self.wfile.flush()
                return
            piece = RELEASE.encode() + b" " + text
            self.wfile.write(bytes([0x81, len(piece)]) + piece)
            self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def die():
    # Not in the midst of an answer in pieces: one that has begun cannot be saved by anybody.
    time.sleep(float(os.environ.get("LIFE", "1")))
    while True:
        with lock:
            if busy == 0:
                os._exit(3)
        time.sleep(0.001)


if MODE == "exits":
    sys.exit("it was told to exit")
if MODE == "deaf":
    time.sleep(1000)
server = Server(("", int(os.environ["PORT"])), Handler)
if MODE == "dies":
    threading.Thread(target=die, daemon=True).start()
server.serve_forever()
