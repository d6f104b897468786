"""A headless Chromium that tests ask: the DevTools protocol over two pipes, without a library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60.0
NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
FLAGS = (
    *(
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
    ),
    *('--disable-extensions', '--disable-background-networking', '--disable-component-update'),
    *('--remote-debugging-pipe', '--hide-scrollbars', '--force-color-profile=srgb'),
)


class Browser:
    """One tab. `problems` are exceptions, and errors and warnings of the console."""

    def __init__(self, reader: int, writer: int) -> None:
        self._out, self._in, self._rest = reader, writer, b''
        self._last, self._session = 0, ''
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = self('Target.createTarget', url='about:blank')['targetId']
        attached = self('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self(f'{domain}.enable')

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command; events that come before it are noted."""
        self._last += 1
        message = {'id': self._last, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._in, json.dumps(message).encode() + b'\0')
        while True:
            answer = json.loads(self._read())
            if answer.get('id') == self._last:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                result: dict[str, Any] = answer['result']
                return result
            self._note(answer)

    def _read(self) -> bytes:
        while b'\0' not in self._rest:
            assert select.select([self._out], [], [], SECONDS)[0], 'the browser does not answer'
            piece = os.read(self._out, 1 << 20)
            assert piece, 'the browser is gone'
            self._rest += piece
        message, _, self._rest = self._rest.partition(b'\0')
        return message

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get('method'), event.get('params', {})
        if method == 'Runtime.exceptionThrown':
            self.problems.append(json.dumps(params['exceptionDetails'])[:500])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning'):
            self.problems.append(json.dumps(params['args'])[:500])
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
            self.problems.append(params['entry']['text'])
        elif method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'])

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """A file in a window of this size; returns when its script has ended."""
        self.resize(width, height, dark)
        self('Page.navigate', url=path.resolve().as_uri())
        self.wait('document.documentElement.dataset.ready || $("problem").textContent')

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        """Another size of the window."""
        size = {'width': width, 'height': height, 'deviceScaleFactor': 1}
        self('Emulation.setDeviceMetricsOverride', **size, mobile=width < 641)
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self('Emulation.setEmulatedMedia', features=[scheme])

    def ask(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for."""
        asked = {'expression': expression, 'awaitPromise': True, 'returnByValue': True}
        answer = self('Runtime.evaluate', **asked)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def wait(self, expression: str) -> None:
        """Until it is true; at most ten seconds."""
        script = (
            'new Promise((yes, no) => { const begin = Date.now(); const look = () => {'
            f' let seen = false; try {{ seen = {expression}; }} catch (error) {{ seen = false; }}'
            ' if (seen) yes(true); else if (Date.now() - begin > 10000) no(new Error("too long"));'
            ' else setTimeout(look, 20); }; look(); })'
        )
        self.ask(script)

    def move(self, x: float, y: float, kind: str = 'mouseMoved') -> None:
        """The mouse, in pixels of the window."""
        button = 'none' if kind == 'mouseMoved' else 'left'
        self('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, clickCount=1)

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """A PNG of the page."""
        options: dict[str, Any] = {}
        if whole:
            size = self('Page.getLayoutMetrics')['cssContentSize']
            options = {'captureBeyondViewport': True, 'clip': {**size, 'scale': 1}}
        path.write_bytes(base64.b64decode(self('Page.captureScreenshot', **options)['data']))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own; skips where none is installed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f'none of {", ".join(NAMES)} is installed')
    (ask_read, ask_write), (answer_read, answer_write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        script = f'exec "$0" "$@" 3<&{ask_read} 4>&{answer_write}'
        command = ['bash', '-c', script, found, *FLAGS, f'--user-data-dir={profile}']
        process = subprocess.Popen(
            command,
            pass_fds=(ask_read, answer_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ask_read)
        os.close(answer_write)
        try:
            yield Browser(answer_read, ask_write)
        finally:
            process.kill()
            process.wait()
            os.close(ask_write)
            os.close(answer_read)
