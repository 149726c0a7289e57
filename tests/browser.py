"""Opens a page in Chromium as a careful reader would, with scripts switched off, over the pipe of its debugging
protocol. For each picture it is asked for (NAME:SCHEME:WIDTH:SCALE) it writes NAME.png of the whole page; `paper` writes
paper.pdf. Prints as JSON what the browser made of the page: its elements, what it asked for, and how wide it became."""

import base64
import json
import os
import subprocess
import sys
import tempfile


class Browser:
    def __init__(self, profile):
        to, self.commands = os.pipe()
        self.answers, back = os.pipe()

        def wires():
            # The browser reads from 3 and writes to 4.
            os.dup2(to, 13)
            os.dup2(back, 14)
            os.dup2(13, 3)
            os.dup2(14, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={profile}",
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=wires, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to)
        os.close(back)
        self.number, self.rest, self.session, self.events = 0, b"", None, []

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                sys.exit("the browser went away")
            self.rest += piece
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())


def elements(node, found):
    name = node["nodeName"]
    if node["nodeType"] == 1:
        found[name.lower()] = found.get(name.lower(), 0) + 1
    for child in node.get("children", []):
        elements(child, found)
    return found


page, folder, *pictures = sys.argv[1:]
with tempfile.TemporaryDirectory() as profile:
    browser = Browser(profile)
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "DOM"):
        browser.ask(f"{domain}.enable")
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.ask("Page.navigate", url="file://" + os.path.abspath(page))
    browser.wait("Page.loadEventFired")
    told = {"elements": elements(browser.ask("DOM.getDocument", depth=-1)["root"], {}), "widths": {}}
    for picture in pictures:
        if picture == "paper":
            pdf = browser.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
            open(os.path.join(folder, "paper.pdf"), "wb").write(base64.b64decode(pdf["data"]))
            continue
        name, scheme, width, scale = picture.split(":")
        browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.ask("Emulation.setDeviceMetricsOverride", width=int(width), height=900, mobile=False,
                    deviceScaleFactor=float(scale))
        size = browser.ask("Page.getLayoutMetrics")["cssContentSize"]
        told["widths"][name] = [int(width), size["width"]]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        png = browser.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        open(os.path.join(folder, name + ".png"), "wb").write(base64.b64decode(png["data"]))
    told["asked"] = [event["params"]["request"]["url"] for event in browser.events
                     if event.get("method") == "Network.requestWillBeSent"]
    browser.session = None
    browser.ask("Browser.close")
    browser.process.wait()
print(json.dumps(told))
