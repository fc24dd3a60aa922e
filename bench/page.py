#!/usr/bin/env python3
"""How soon the page of `ddim serve` is there, in a browser that has never seen it: a new one for each round.

    bench/page.py BUILD_FOLDER [ROUNDS]

Needs chromium and chromedriver. Prints the time from the request to the first paint, and to the list of models in the form.
"""
import os
import sys

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
sys.argv = [sys.argv[0], os.path.join(sys.argv[1], 'ddim'), SOURCE]
sys.path.insert(0, os.path.join(SOURCE, 'tests/server'))
from browser import Browser, Server  # noqa: E402

PAINT = "return performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)[0] || 0"
MODELS = ("return document.getElementById('model').options.length && "
          "performance.getEntriesByType('resource').find(entry => entry.name.endsWith('api/models')).responseEnd")
server = Server([])  # with the shipped model alone
try:
    paints, filled = [], []
    for _ in range(rounds):
        browser = Browser()
        try:
            browser.call('POST', '/url', {'url': server.url})
            filled.append(browser.wait(MODELS))
            paints.append(browser.wait(PAINT))
        finally:
            browser.close()
    for name, times in (('first paint', sorted(paints)), ('models listed', sorted(filled))):
        print(f'{name}: median {times[rounds // 2]:.0f} ms, {times[0]:.0f} to {times[-1]:.0f} ms')
finally:
    server.stop()
