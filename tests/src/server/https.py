# A web server behind TLS: takes what is put or posted, and has one short page.
import http.server
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def take(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.skip(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.skip(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def skip(self, size):
        while size and (data := self.rfile.read(min(size, 1 << 16))):
            size -= len(data)

    def answer(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass

    do_PUT = do_POST = do_MKCOL = take
    do_GET = answer


host, port, certificate, key = sys.argv[1:]
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
