"""An app for the tests of the router, on bare sockets: each path breaks the protocol in its way."""
import os, socket, threading, time


def serve(connection):
    with connection:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(4096)
            if not more:
                return
            data += more
        path = data.split(b" ")[1].decode()
        path, _, query = path.partition("?")
        say = connection.sendall
        if path == "/half":
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        elif path == "/junk":
            say(b"what?\r\n\r\n")
        elif path == "/silent":
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            connection.recv(1)
        elif path == "/never":
            print("never", flush=True)
            while connection.recv(4096):
                pass
            print("gone", flush=True)
        elif path == "/deaf":
            # Closing alone does not wake up who waits for the next connection.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndeaf")
        elif path == "/huge":
            chunk = b"x" * 65536
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                say(chunk)
        elif path == "/trailers":
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
                b"4\r\nbody\r\n0\r\nX-Late: yes\r\n\r\n")
        elif path == "/switch":
            say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        elif path == "/raw":
            # What arrives, up to the mark that the test puts at the end of the body.
            while query.encode() not in data.split(b"\r\n\r\n", 1)[1]:
                data += connection.recv(4096)
            say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
        else:
            say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")


listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print("listening", flush=True)
while True:
    try:
        accepted, _ = listener.accept()
    except OSError:
        break
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
while True:
    time.sleep(600)
