"""Firefox as the system installed it, driven by its own remote protocol.

Playwright drives only a Firefox of its own making, and Debian has no geckodriver. Firefox itself
listens with `--marionette`: JSON over a socket, each message with its length before it
(https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).
"""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATH = shutil.which("firefox-esr") or shutil.which("firefox")
KEYS = {"Home": "\ue011", "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014",
        "ArrowDown": "\ue015", "Tab": "\ue004", "Enter": "\ue007"}  # fmt: skip
PREFERENCES = {
    "marionette.port": 0,  # any that is free; Firefox writes it into its profile
    "ui.prefersReducedMotion": 1,
    "layout.css.prefers-color-scheme.content-override": 1,  # light
    # No other host: all but this machine goes to a proxy that is not there.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
}


class Firefox:
    """One tab of a fresh Firefox, with the few things that the tests do in it."""

    def __init__(self):
        self.profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        lines = (f'user_pref("{k}", {json.dumps(v)});\n' for k, v in PREFERENCES.items())
        (self.profile / "user.js").write_text("".join(lines))
        command = [PATH, "--headless", "--marionette", "--profile", self.profile]
        self.process = subprocess.Popen(command, stdout=-3, stderr=-3)  # DEVNULL
        port, deadline = self.profile / "MarionetteActivePort", time.monotonic() + 60
        while not (port.exists() and port.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, "no Firefox"
            time.sleep(0.1)
        self.socket = socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=60)
        self.stream = self.socket.makefile("rb")
        self.receive()
        self.number = 0
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})

    def receive(self):
        length = b""
        while (byte := self.stream.read(1)) != b":":
            length += byte
        return json.loads(self.stream.read(int(length)))

    def ask(self, command, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return result["value"] if result.keys() == {"value"} else result

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.socket.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def goto(self, url, width, height):
        self.ask("WebDriver:SetWindowRect", width=width, height=height)
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script, *arguments):
        return self.ask("WebDriver:ExecuteScript", script=f"return ({script})(...arguments)",
                        args=list(arguments))  # fmt: skip

    def enter_frame(self):
        self.ask("WebDriver:SwitchToFrame", id=0)

    def press(self, *keys):
        actions = [{"type": kind, "value": KEYS.get(key, key)}
                   for key in keys for kind in ("keyDown", "keyUp")]  # fmt: skip
        self.act(type="key", id="keyboard", actions=actions)

    def drag(self, start, end, touch=False):
        places = [tuple(a + (b - a) * k / 4 for a, b in zip(start, end)) for k in range(5)]
        moves = [{"type": "pointerMove", "duration": 20, "x": round(x), "y": round(y)}
                 for x, y in places]  # fmt: skip
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:],
                   {"type": "pointerUp", "button": 0}]  # fmt: skip
        kind = "touch" if touch else "mouse"
        self.act(type="pointer", id=kind, parameters={"pointerType": kind}, actions=actions)

    def act(self, **source):
        self.ask("WebDriver:PerformActions", actions=[source])
        self.ask("WebDriver:ReleaseActions")
