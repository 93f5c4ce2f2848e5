"""A host of results that serves videos of the tests' own."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.defective_clips import Clip, encoded

from prefect_toapis.simulator import Rewrite, Simulator


@contextmanager
def serving(simulator: Simulator, clips: Mapping[str, Clip | bytes]) -> Iterator[str]:
    """While this is open, each generation whose prompt has a word gets the video of that word."""
    files = {
        f"/{word}": clip if isinstance(clip, bytes) else encoded(clip)
        for word, clip in clips.items()
    }

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    for word in clips:
        result = {"type": "video", "data": [{"url": f"{url}/{word}"}]}
        simulator.faults.add(
            Rewrite(operation="status", members={"result": result}, prompt=word, times=None)
        )
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
