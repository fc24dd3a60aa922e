"""What page_test.py needs to drive the page of ddim serve: the server, a headless Chromium (by the WebDriver protocol and the
standard library alone), and checks of what must hold for every page.
"""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PROGRAM, SOURCE = sys.argv[1], sys.argv[2]
SHOTS = sys.argv[3] if len(sys.argv) > 3 else None
ENTER, TAB, RIGHT, DOWN, HOME, END, SPACE = '\ue007', '\ue004', '\ue014', '\ue015', '\ue011', '\ue010', ' '
CONTROL, ESCAPE = '\ue009', '\ue00c'
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'


class Server:
    """ddim serve on a free port, with the shipped model and others."""

    def __init__(self, models, port=0, flags=()):
        more = [word for model in models for word in ('--model', model)] + list(flags)
        self.process = subprocess.Popen(
            [PROGRAM, 'serve', '--model', os.path.join(SOURCE, 'models/fashion-mnist'), *more, '--port', str(port), '--quiet'],
            stdout=subprocess.PIPE, text=True)
        self.models = models
        line = self.process.stdout.readline()
        self.url = line.split()[3]
        self.port = int(self.url.rstrip('/').rsplit(':', 1)[1])

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(60)


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(['chromedriver', '--port=0'], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            if 'started successfully on port' in line:
                self.base = 'http://127.0.0.1:' + line.rstrip('.\n').split()[-1]
                break
        self.folder = tempfile.TemporaryDirectory()
        arguments = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
                     '--user-data-dir=' + self.folder.name, '--disable-background-networking', '--no-first-run']
        options = {'goog:chromeOptions': {'args': arguments},
                   'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}
        made = self.call('POST', '/session', {'capabilities': {'alwaysMatch': options}})
        self.base += '/session/' + made['sessionId']

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method,
                                         data=None if method == 'GET' else json.dumps(body or {}).encode(),
                                         headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)['value']['message'].split('\n')[0]) from None

    def close(self):
        try:
            self.call('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait()

    def run(self, script, *arguments):
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def wait(self, script, *arguments, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            value = self.run(script, *arguments)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError('never true: ' + script + '\n' + self.run('return document.querySelector("main").innerText'))

    def find(self, selector):
        return self.call('POST', '/element', {'using': 'css selector', 'value': selector})[ELEMENT]

    def click(self, selector, at=None):
        """In the middle; or at the fractions of its width and height from there."""
        if at:
            self.drag(selector, at, at)
        else:
            self.call('POST', '/element/' + self.find(selector) + '/click')

    def drag(self, selector, start, end):
        """The mouse's button goes down at one place of an element and up at another, as fractions from its middle."""
        element = self.find(selector)
        size = self.run('const box = arguments[0].getBoundingClientRect(); return [box.width, box.height]', {ELEMENT: element})

        def move(to):
            return {'type': 'pointerMove', 'origin': {ELEMENT: element}, 'duration': 50,
                    'x': round(to[0] * size[0]), 'y': round(to[1] * size[1])}
        self.call('POST', '/actions', {'actions': [{'type': 'pointer', 'id': 'mouse', 'actions': [
            move(start), {'type': 'pointerDown', 'button': 0}, move(end), {'type': 'pointerUp', 'button': 0}]}]})

    def type(self, selector, text):
        element = self.find(selector)
        self.call('POST', '/element/' + element + '/clear')
        self.call('POST', '/element/' + element + '/value', {'text': text})

    def choose_file(self, selector, path):
        """What the system's dialog would give to a field."""
        self.call('POST', '/element/' + self.find(selector) + '/value', {'text': os.path.abspath(path)})

    def keys(self, text):
        actions = [{'type': kind, 'value': key} for key in text for kind in ('keyDown', 'keyUp')]
        self.call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': actions}]})

    def chord(self, held, key):
        presses = [('keyDown', held), ('keyDown', key), ('keyUp', key), ('keyUp', held)]
        self.call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': [
            {'type': kind, 'value': value} for kind, value in presses]}]})

    def tab_to(self, selector):
        """Presses Tab until the element has the focus; nothing may hold it on the way."""
        for _ in range(60):
            if self.run('return document.activeElement.matches(arguments[0])', selector):
                return
            self.keys(TAB)
        raise AssertionError('Tab does not come to ' + selector)

    def fill(self, selector, text):
        self.tab_to(selector)
        self.chord(CONTROL, 'a')
        self.keys(text)

    def devtools(self, command, **parameters):
        return self.call('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def look(self, width, theme):
        self.devtools('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.devtools('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': theme}])

    def shot(self, name):
        if not SHOTS:
            return
        height = self.run("return Math.max(document.body.scrollHeight, document.querySelector('dialog[open]') ? innerHeight : 300)")
        width = self.run('return innerWidth')
        picture = self.devtools('Page.captureScreenshot', captureBeyondViewport=True, format='png',
                                clip={'x': 0, 'y': 0, 'width': width, 'height': min(height, 2400), 'scale': 1})
        with open(os.path.join(SHOTS, name + '.png'), 'wb') as file:
            file.write(base64.b64decode(picture['data']))

    def logs(self, kind):
        return self.call('POST', '/se/log', {'type': kind})


# Names, contrast and width, as the guidelines for accessible pages want them; returns what is wrong.
CHECKS = r'''
const wrong = [];
const visible = (node) => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && node.getClientRects().length;
const describe = (node) => `${node.tagName.toLowerCase()}#${node.id} "${node.textContent.trim().slice(0, 30)}"`;
for (const node of document.querySelectorAll('button, input, select, textarea, a[href], [role=img], dialog, img')) {
  if (!visible(node)) continue;
  const name = node.getAttribute('aria-label') || node.labels?.[0]?.innerText || node.textContent.trim() || node.title ||
    node.getAttribute('alt') || document.getElementById(node.getAttribute('aria-labelledby'))?.innerText;
  if (!name && !(node.tagName === 'IMG' && node.hasAttribute('alt'))) wrong.push(`no name: ${describe(node)}`);
}
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = (node) => {
  for (; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    if (!/, 0\)$/.test(colour)) return colour;
  }
  return 'rgb(255, 255, 255)';
};
for (const node of document.querySelectorAll('body *')) {
  const text = Array.from(node.childNodes).filter((child) => child.nodeType === 3).map((child) => child.data.trim()).join('');
  if (!text || !visible(node) || node.closest('.visually-hidden, .skip, :disabled, option, script')) continue;
  const [light, dark] = [luminance(getComputedStyle(node).color), luminance(background(node))].sort((a, b) => b - a);
  const contrast = (light + 0.05) / (dark + 0.05);
  if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(1)}: ${describe(node)}`);
}
if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the window: ${document.documentElement.scrollWidth}`);
const ids = Array.from(document.querySelectorAll('[id]'), (node) => node.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`twice: #${id}`);
return wrong;
'''


def check_page(browser, where):
    wrong = browser.run(CHECKS)
    assert not wrong, where + ': ' + '; '.join(wrong)


def set_value(browser, selector, value):
    browser.run('const field = document.querySelector(arguments[0]); field.value = arguments[1];'
                "field.dispatchEvent(new Event('input', {bubbles: true}));", selector, str(value))


def open_page(browser, server, tab='draw', model=None):
    browser.call('POST', '/url', {'url': 'about:blank'})
    browser.call('POST', '/url', {'url': server.url + '#' + tab})
    browser.wait("return 'ready' in document.body.dataset")
    if model:
        choose(browser, '#model', model)


DONE = 'return document.querySelectorAll(arguments[0] + " .tile img").length >= arguments[1]'


def draw(browser, count):
    """Presses Draw, and waits for `count` pictures that were not there before."""
    browser.run("document.querySelectorAll('#panel-draw .tile').forEach((tile) => { tile.dataset.old = ''; })")
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelectorAll('#panel-draw .tile:not([data-old]) img').length === arguments[0]"
                 " && !document.querySelector('#panel-draw form .main').disabled", count)


def drop_file(browser, content):
    browser.run('''
      const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'mine.png', { type: 'image/png' }));
      document.querySelector('main').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    ''', base64.b64encode(content).decode())


def run_command(command):
    """What a command that the page shows writes."""
    with tempfile.TemporaryDirectory() as folder:
        words = command.replace('picture.png', folder + '/picture.png').split()[1:]
        subprocess.run([PROGRAM] + words + ['--quiet'], check=True, stdout=subprocess.DEVNULL)
        with open(folder + '/picture.png', 'rb') as file:
            return file.read()


def choose(browser, selector, value):
    browser.run('const list = document.querySelector(arguments[0]); list.value = arguments[1];'
                "list.dispatchEvent(new Event('change', {bubbles: true}));", selector, value)


def check_requests(browser, hosts):
    for entry in browser.logs('performance'):
        message = json.loads(entry['message'])['message']
        if message['method'] != 'Network.requestWillBeSent':
            continue
        url = message['params']['request']['url']
        is_own = url.split(':')[0] in ('blob', 'data', 'about', 'chrome') or url.split('/')[2] in hosts
        assert is_own, 'a request to another host: ' + url


def check_console(browser, allowed=()):
    allowed = (*allowed, 'willReadFrequently')  # what the tests read, not the page
    entries = [entry['message'] for entry in browser.logs('browser') if entry['level'] in ('SEVERE', 'WARNING')]
    bad = [entry for entry in entries if not any(word in entry for word in allowed)]
    assert not bad, bad
