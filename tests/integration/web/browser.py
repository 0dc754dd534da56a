"""A real browser for tests: opens pages, types, clicks, and hears what it complains of."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

from automation.scraping import chromium

#: Widths of a desk and of a phone.
DESK, PHONE = 1360, 390
_RULES = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']"
_TOLD = "v.id+': '+v.nodes.slice(0,3).map(n=>n.target.join(' ')+' '+(n.any[0]?.message||n.failureSummary)).join('; ')"


class Browser:
    """One tab of a browser that reaches this machine, and nobody else."""

    def __init__(self, base: str, monkeypatch: Any) -> None:
        own = [flag for flag in chromium._FLAGS if "proxy" not in flag and "host-resolver" not in flag]
        outside = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        monkeypatch.setattr(chromium, "_FLAGS", (*own, outside))
        self.base, self.dialogs, self.complaints = base, [], []
        self._runner = asyncio.Runner()
        self._chromium = chromium.Chromium(self._hear)
        self._session: str | None = None
        self._runner.run(self._start())

    async def _start(self) -> None:
        await self._chromium.start()
        target = await self._chromium.ask("Target.createTarget", url="about:blank")
        attached = await self._chromium.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            await self._chromium.ask(f"{domain}.enable", self._session)

    def _hear(self, method: str, params: dict[str, Any], _session: str | None) -> None:
        if method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        return self._runner.run(self._chromium.ask(method, self._session, **params))

    def look(self, *, width: int = DESK, dark: bool = False, zone: str = "Europe/Madrid") -> None:
        """From now on with this window, theme and zone."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setTimezoneOverride", timezoneId=zone)

    def open(self, path: str) -> None:
        """Go to a page, and wait until it is there."""
        # The load of a page that a click led to may still be told of; a new page does not have the mark.
        self._quiet("window.before = true")
        self.ask("Page.navigate", url=self.base + path)
        self.wait("!window.before && document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """What a script of the test gives."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The first true answer of a script."""
        return self.until(lambda: self._quiet(condition), condition)

    def _quiet(self, condition: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=condition, returnByValue=True)
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    def until(self, condition: Any, told: str = "") -> Any:
        """The first true answer within a minute."""
        deadline = time.monotonic() + 60
        while not (answer := condition()):
            assert time.monotonic() < deadline, f"not within a minute: {told or condition}"
            self._runner.run(asyncio.sleep(0.05))
        return answer

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def axe(self, source: str) -> list[str]:
        """What axe finds on the page as it is."""
        self.run(f"{source};0")
        found = self.run(
            f"axe.run(document,{{runOnly:{_RULES}}}).then(r=>JSON.stringify(r.violations.map(v=>{_TOLD})))"
        )
        return list(json.loads(found))

    def weight(self) -> int:
        """How many bytes the page and what belongs to it are, unpacked; frames and pictures of runs are not the page's."""
        return int(
            self.run(
                "performance.getEntriesByType('navigation')[0].decodedBodySize + performance.getEntriesByType('resource')"
                ".filter(e=>e.name.includes('/static/')).reduce((n,e)=>n+e.decodedBodySize,0)"
            )
        )

    def shoot(self, path: Path, height: int = 1400) -> None:
        """A picture of the page's upper part."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height), "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End it."""
        self._runner.run(self._chromium.close())
        self._runner.close()
