"""A server on 127.0.0.1 that can cut off, corrupt and stall."""

import http.server
import io
import re
import tarfile
import threading
import time
import zipfile

import pytest

CONTENT = bytes(range(256)) * 2000  # 512 kB


class Server(http.server.BaseHTTPRequestHandler):
    """Serves ``files``; ``cut`` lists after how many bytes the next answers break off."""

    files: dict = {}
    cut: list = []
    stall = 0.0
    ranges = True
    asked: list = []

    def do_GET(self):
        body = self.files.get(self.path)
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if body is None:
            self.send_error(404)
            return
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.ranges else 0
        if start >= len(body) and wanted:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        self.send_response(206 if wanted and self.ranges else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        time.sleep(self.stall)
        stop = self.cut.pop(0) if self.cut else len(body)
        self.wfile.write(body[start : start + stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Server.files, Server.cut, Server.asked, Server.stall, Server.ranges = {}, [], [], 0.0, True
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()
