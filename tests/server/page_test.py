"""Drives the page of ddim serve in headless Chromium, by the WebDriver protocol and the standard library alone.

    python3 page_test.py PROGRAM SOURCE_FOLDER [FOLDER FOR SCREENSHOTS]

Every tab is used by mouse and by keyboard, at 1280 and at 390 pixels, light and dark. No error may be in the console, no
request may leave for another host, every control must have a name, and text must have contrast.
"""
import base64
import json
import os
import shutil
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


MARKUP = '"><img src=x onerror=window.hacked=1>'


def make_classes_model(folder, class_names):
    """A tiny network with four classes, and one that stands for none."""
    shutil.copytree(os.path.join(SOURCE, 'tests/diffusers/goldens/classes'), folder)
    for name, key, value in (('model_index.json', '_class_names', class_names),
                             ('unet/config.json', 'null_class', 4)):
        path = os.path.join(folder, name)
        with open(path) as file:
            config = json.load(file)
        config[key] = value
        with open(path, 'w') as file:
            json.dump(config, file)


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

    def click(self, selector):
        self.call('POST', '/element/' + self.find(selector) + '/click')

    def type(self, selector, text):
        element = self.find(selector)
        self.call('POST', '/element/' + element + '/clear')
        self.call('POST', '/element/' + element + '/value', {'text': text})

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
        height = self.run('return Math.max(document.body.scrollHeight, 300)')
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


def test_draw(browser, server):
    open_page(browser, server)
    set_value(browser, '#panel-draw [name=steps]', 10)
    set_value(browser, '#panel-draw [name=count]', 8)
    set_value(browser, '#panel-draw [name=seed]', 7)
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelector('#panel-draw .tile.forming canvas')")
    # Something shows before all is done.
    browser.wait("return Array.from(document.querySelectorAll('#panel-draw canvas')).some((canvas) => canvas.getContext('2d')"
                 ".getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"
                 " || document.querySelector('#panel-draw .tile img')")
    browser.wait(DONE, '#panel-draw', 8)
    assert 'network calls' in browser.run("return document.querySelector('#panel-draw .status').innerText")
    # The picture is what the command line draws: the command is shown, and makes the same bytes.
    browser.click('#panel-draw .tile:nth-child(3)')
    command = browser.wait("return document.getElementById('viewer-command').value")
    assert '--seed 7' in command and '--first-image 2' in command, command
    drawn = run_command(command)
    url = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)"
                      ".find((name) => name.endsWith('/pictures/2.png'))")
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == drawn, 'the page and the command line draw different files'
    check_page(browser, 'viewer')
    browser.shot('viewer')
    browser.click('#viewer-from')
    browser.wait("return document.querySelector('#panel-draw .chip')?.checkVisibility()")
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelector('#panel-draw .tile.forming')")
    browser.wait(DONE, '#panel-draw', 8)
    browser.wait("return document.querySelectorAll('#history-list button').length === 16")
    # From the history: its settings.
    browser.click('#history-list button:last-child')
    browser.wait("return document.getElementById('viewer-command').value")
    browser.click('#viewer-same')
    assert browser.run("return document.querySelector('#panel-draw [name=seed]').value") == '7'
    return drawn


def test_cancel(browser, server):
    open_page(browser, server)
    set_value(browser, '#panel-draw [name=steps]', 1000)
    set_value(browser, '#panel-draw [name=count]', 32)
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelector('#panel-draw .status button')?.checkVisibility()")
    browser.click('#panel-draw .status button')
    browser.wait("return document.querySelector('#panel-draw .status').innerText.includes('Cancelled')")
    # The focus does not go with the button that had it.
    browser.wait("return document.activeElement.matches('#panel-draw form .main')")


def test_wrong_settings(browser, server):
    open_page(browser, server, 'toString')  # which is no tab
    # What is wrong is shown, wherever it is.
    details = "return document.querySelector('#panel-draw details').open"
    set_value(browser, '#panel-draw [name=eta]', 5000)
    assert not browser.run(details)
    browser.click('#panel-draw form .main')
    browser.wait(details)
    assert browser.run("return document.querySelector('#panel-draw .tile') === null")
    set_value(browser, '#panel-draw [name=eta]', 1.5)
    # What the form lets through, the server refuses, and the page says why.
    browser.run("document.querySelector('#panel-draw [name=steps]').removeAttribute('max')")
    set_value(browser, '#panel-draw [name=steps]', 5000)
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelector('#panel-draw .status.bad')?.innerText.includes('steps must be between')")


def test_keyboard(browser, server):
    open_page(browser, server)
    browser.run("document.getElementById('tab-draw').focus()")
    for tab in ('compare', 'walk', 'encode', 'film', 'draw'):
        browser.keys(RIGHT)
        assert browser.run('return document.activeElement.id') == 'tab-' + tab
        assert browser.run('return document.getElementById(arguments[0]).checkVisibility()', 'panel-' + tab)
    for key, tab in ((END, 'film'), (HOME, 'draw')):
        browser.keys(key)
        assert browser.run('return document.activeElement.id') == 'tab-' + tab
    # From the tabs into the form, and off.
    browser.keys(TAB)
    assert browser.run("return document.activeElement.closest('#panel-draw') !== null")
    set_value(browser, '#panel-draw [name=steps]', 3)
    set_value(browser, '#panel-draw [name=count]', 2)
    browser.run("document.querySelector('#panel-draw [name=steps]').focus()")
    browser.keys(ENTER)
    browser.wait(DONE, '#panel-draw', 2)
    browser.run("document.querySelector('#panel-draw .tile').focus()")
    browser.keys(ENTER)
    browser.wait("return document.getElementById('viewer').open")
    browser.keys(ESCAPE)
    browser.wait("return !document.getElementById('viewer').open")


def test_by_keyboard_alone(browser, server):
    """Every tab from the top of the page on, with a small model, which is chosen by keyboard as well."""
    def begin(tab):
        open_page(browser, server)
        browser.tab_to('#model')
        browser.keys(DOWN)
        assert browser.run("return document.getElementById('model').value") == 'classes'
        browser.tab_to('#tabs [role=tab]')
        while browser.run('return document.activeElement.id') != 'tab-' + tab:
            browser.keys(RIGHT)

    def look_closer():
        browser.keys(ENTER)
        browser.wait("return document.getElementById('viewer').open")
        browser.keys(ESCAPE)
        browser.wait("return !document.getElementById('viewer').open")

    begin('compare')
    browser.fill('#panel-compare [name=count]', '2')
    browser.keys(ENTER)
    browser.wait("return document.querySelector('#panel-compare .status').innerText.includes('Done')")
    assert browser.run(DONE, '#panel-compare', 10)
    browser.tab_to('#panel-compare .tile')
    look_closer()

    begin('walk')
    browser.fill('#panel-walk [name=steps]', '3')
    browser.tab_to('#panel-walk form .main')
    browser.keys(SPACE)
    browser.wait("return document.querySelector('#panel-walk .status').innerText.includes('16 pictures')")
    browser.tab_to('#panel-walk .stage [type=range]')
    browser.keys(RIGHT + RIGHT + RIGHT)
    assert browser.run("return document.activeElement.value") == '3'
    browser.tab_to('#panel-walk .stage [aria-pressed]')
    browser.keys(SPACE)
    assert browser.run('return document.activeElement.ariaPressed') == 'true'
    browser.wait("return document.querySelector('#panel-walk .stage [type=range]').value !== '3'")
    browser.keys(SPACE + TAB)  # Look closer
    look_closer()

    begin('film')
    browser.fill('#panel-film [name=steps]', '12')
    browser.keys(ENTER)
    browser.wait(DONE, '#panel-film', 24)
    browser.tab_to('#panel-film .tile')
    look_closer()

    begin('encode')
    element = browser.find('#picture-file')  # whose dialog is the system's
    browser.call('POST', '/element/' + element + '/value', {'text': os.path.abspath(os.path.join(SOURCE, 'docs/pictures/boot.png'))})
    browser.wait("return !document.querySelector('#panel-encode form .main').disabled")
    browser.fill('#panel-encode [name=steps]', '3')
    browser.keys(ENTER)
    browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('variance')")


def test_markup_in_names(browser, server, folder):
    """The names of a model, a class and a file are text, whatever they hold."""
    open_page(browser, server)
    choose(browser, '#model', MARKUP)
    assert browser.run("return document.querySelector('#panel-draw [name=class] option:nth-child(2)').text") == MARKUP
    choose(browser, '#panel-draw [name=class]', '0')
    set_value(browser, '#panel-draw [name=steps]', 2)
    set_value(browser, '#panel-draw [name=count]', 1)
    browser.click('#panel-draw form .main')
    browser.wait(DONE, '#panel-draw', 1)
    browser.click('#panel-draw .tile')
    assert MARKUP in browser.wait("return document.getElementById('viewer-recipe').innerText")
    assert MARKUP in browser.wait("return document.getElementById('viewer-command').value")
    open_page(browser, server, 'encode')
    path = os.path.join(folder, MARKUP + '.png')
    shutil.copy(os.path.join(SOURCE, 'docs/pictures/boot.png'), path)
    browser.call('POST', '/element/' + browser.find('#picture-file') + '/value', {'text': path})
    browser.wait("return !document.querySelector('#panel-encode form .main').disabled")
    assert browser.run("return window.hacked === undefined && document.querySelector('img[src=x]') === null")


def test_compare(browser, server, model=None):
    open_page(browser, server, 'compare', model)
    set_value(browser, '#panel-compare [name=count]', 3)
    browser.click('#panel-compare form .main')
    browser.wait(DONE, '#panel-compare', 15, seconds=240)
    browser.wait("return document.querySelector('#panel-compare .status').innerText.includes('Done')")
    assert browser.run("return document.querySelectorAll('#panel-compare th small').length") == 5


def test_walk(browser, server, model=None):
    open_page(browser, server, 'walk', model)
    set_value(browser, '#panel-walk [name=steps]', 8)
    browser.click('#panel-walk form .main')
    browser.wait("return document.querySelector('#panel-walk .status').innerText.includes('16 pictures')", seconds=120)
    hash_of = ("const c = document.querySelector('#panel-walk canvas.big');"
               "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.reduce((a, b) => (a * 31 + b) % 1000003, 7)")
    first = browser.run(hash_of)
    set_value(browser, '#panel-walk .stage input', 15)
    assert browser.run(hash_of) != first
    browser.click('#panel-walk .stage [aria-pressed]')
    time.sleep(0.5)
    assert browser.run("return document.querySelector('#panel-walk [aria-pressed]').ariaPressed") == 'true'
    browser.click('#panel-walk .stage [aria-pressed]')
    browser.run("document.querySelector('#panel-walk [type=checkbox]').click()")
    set_value(browser, '#panel-walk [name=steps]', 4)
    browser.click('#panel-walk form .main')
    browser.wait("return document.querySelector('#panel-walk .status').innerText.includes('36 pictures')", seconds=120)


def test_encode(browser, server, model=None):
    open_page(browser, server, 'encode', model)
    element = browser.find('#picture-file')
    path = os.path.join(SOURCE, 'docs/pictures/boot.png')
    browser.call('POST', '/element/' + element + '/value', {'text': os.path.abspath(path)})
    browser.wait("return !document.querySelector('#panel-encode form .main').disabled")
    set_value(browser, '#panel-encode [name=steps]', 20)
    browser.click('#panel-encode form .main')
    browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('variance')", seconds=120)
    # A mask by keyboard, and the part under it anew.
    browser.run("document.querySelector('#panel-encode canvas').focus()")
    browser.keys(RIGHT + SPACE)
    browser.wait("return !document.querySelector('#panel-encode .row button').disabled")
    browser.click('#panel-encode .row button')
    browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('Four ways')", seconds=120)
    assert browser.run(DONE, '#panel-encode .tiles', 4)


def test_film(browser, server, model=None):
    open_page(browser, server, 'film', model)
    set_value(browser, '#panel-film [name=steps]', 24)
    browser.click('#panel-film form .main')
    browser.wait(DONE, '#panel-film', 24)


def test_drop(browser, server, drawn):
    open_page(browser, server, 'film')
    drop_file(browser, drawn)
    browser.wait("return document.getElementById('panel-draw').checkVisibility()")
    browser.wait("return document.querySelector('#panel-draw [name=seed]').value === '7'")
    assert browser.run("return document.querySelector('#panel-draw [name=steps]').value") == '10'


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


def test_classes(browser, server):
    """A model with classes: they can be chosen by name, and stay chosen."""
    open_page(browser, server)
    visible = "return document.querySelector('#panel-draw [name=class]').checkVisibility()"
    value = "return document.querySelector('#panel-draw [name=class]').value"
    assert not browser.run(visible)
    choose(browser, '#model', 'classes')
    assert browser.run(visible)
    names = "return Array.from(document.querySelectorAll(arguments[0] + ' [name=class] option'), (option) => option.text)"
    assert browser.run(names, '#panel-draw') == ['All in turn', 'coat', 'ankle boot', 'bag', 'shirt']
    assert browser.run(names, '#panel-walk') == ['coat', 'ankle boot', 'bag', 'shirt']
    browser.run("document.querySelector('#panel-draw [name=class]').focus()")
    browser.keys(DOWN + DOWN)
    assert browser.run(value) == '1'
    set_value(browser, '#panel-draw [name=guidance]', 3)
    set_value(browser, '#panel-draw [name=steps]', 4)
    set_value(browser, '#panel-draw [name=count]', 4)
    choose(browser, '#panel-draw [name=sampler]', 'euler')
    assert browser.run(value) == '1'
    browser.click('#panel-draw form .main')
    browser.wait(DONE, '#panel-draw', 4)
    for width, theme in ((1280, 'light'), (390, 'dark')):
        browser.look(width, theme)
        time.sleep(0.2)
        check_page(browser, f'classes {width} {theme}')
        browser.shot(f'classes-{width}-{theme}')
    browser.look(1280, 'light')
    browser.click('#panel-draw .tile')
    command = browser.wait("return document.getElementById('viewer-command').value")
    assert '--class 1' in command and '--guidance 3' in command, command
    drawn = run_command(command)
    choose(browser, '#panel-draw [name=class]', '0')
    browser.click('#viewer-same')
    assert browser.run(value) == '1'
    # The picture brings its model and its class.
    open_page(browser, server, 'film')
    drop_file(browser, drawn)
    browser.wait("return document.getElementById('model').value === 'classes'")
    assert browser.run(value) == '1'
    # A code is decoded as another class.
    open_page(browser, server, 'encode')
    choose(browser, '#model', 'classes')
    element = browser.find('#picture-file')
    browser.call('POST', '/element/' + element + '/value', {'text': os.path.abspath(os.path.join(SOURCE, 'docs/pictures/boot.png'))})
    browser.wait("return !document.querySelector('#panel-encode form .main').disabled")
    set_value(browser, '#panel-encode [name=steps]', 5)
    choose(browser, '#decode-as', '2')
    browser.click('#panel-encode form .main')
    browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('variance')", seconds=120)
    check_page(browser, 'encode classes')
    browser.shot('classes-encode')
    jobs = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => name.endsWith('/pictures/0.png'))")
    with urllib.request.urlopen(jobs[-1].replace('0.png', '0.json')) as answer:
        assert json.load(answer)['recipe']['class'] == '2'
    # On from the code, with the settings that it was found with.
    browser.click('#panel-encode figure button:not(.tile)')
    assert browser.run("return document.querySelector('#panel-walk [name=steps]').value") == '5'
    browser.click('#panel-walk form .main')
    browser.wait("return document.querySelector('#panel-walk .status').innerText.includes('16 pictures')", seconds=120)
    browser.run("document.querySelector('#panel-walk .stage [aria-pressed] + button').click()")
    browser.wait("return document.getElementById('viewer-makes').innerText.includes('all pictures')")
    assert browser.run("return document.getElementById('viewer-files').innerText").split() == ['It', 'reads', 'Save', 'codes.safetensors']
    check_page(browser, 'viewer of a walk')
    browser.shot('viewer-walk')
    browser.keys(ESCAPE)
    # A picture that is gone on from is sent once.
    browser.run("document.getElementById('tab-draw').click()")
    set_value(browser, '#panel-draw [name=steps]', 2)
    set_value(browser, '#panel-draw [name=count]', 1)
    browser.click('#panel-draw form .main')
    browser.wait("return document.querySelectorAll('#panel-draw .tile img').length === 1")
    browser.click('#panel-draw .tile')
    browser.wait("return document.getElementById('viewer-command').value")
    browser.click('#viewer-from')
    uploads = "return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('api/uploads?')).length"
    before = browser.run(uploads)
    for _ in range(2):
        browser.click('#panel-draw form .main')
        browser.wait("return document.querySelector('#panel-draw .tile.forming')")
        browser.wait("return document.querySelectorAll('#panel-draw .tile img').length === 1")
        browser.wait("return !document.querySelector('#panel-draw form .main').disabled")
    assert browser.run(uploads) == before + 1


def test_key(browser, models):
    server = Server(models, flags=['--api-key', 'open sesame'])
    try:
        browser.call('POST', '/url', {'url': server.url})
        browser.wait("return document.getElementById('key-form').checkVisibility()")
        browser.type('#key', 'open')
        browser.keys(ENTER)
        browser.wait("return document.getElementById('key-problem').innerText.includes('does not take')")
        check_page(browser, 'key')
        browser.shot('key')
        browser.type('#key', 'open sesame')
        browser.keys(ENTER)
        browser.wait("return 'ready' in document.body.dataset")
        assert not browser.run("return document.getElementById('key-form').checkVisibility()")
    finally:
        server.stop()
    return server.port


def test_server_gone(browser, server):
    open_page(browser, server)
    assert server.stop() == 0
    browser.click('#panel-draw form .main')
    browser.wait("return document.getElementById('gone').checkVisibility()")
    again = Server(server.models, server.port)
    browser.wait("return !document.getElementById('gone').checkVisibility()")
    set_value(browser, '#panel-draw [name=steps]', 2)
    browser.click('#panel-draw form .main')
    browser.wait(DONE, '#panel-draw', 8)
    return again


def test_looks(browser, server):
    """Every tab, at two widths and in two themes, with what was drawn in it: by a model that is worth to be looked at, or,
    where nobody looks, by a small one."""
    model = None if SHOTS else 'classes'
    for tab, work in (('draw', None), ('compare', test_compare), ('walk', test_walk), ('encode', test_encode), ('film', test_film)):
        if work:
            work(browser, server, model)
        else:
            open_page(browser, server, model=model)
            set_value(browser, '#panel-draw [name=steps]', 20)
            set_value(browser, '#panel-draw [name=count]', 12)
            set_value(browser, '#panel-draw [name=seed]', 3)
            browser.click('#panel-draw form .main')
            browser.wait(DONE, '#panel-draw', 12)
        for width in (1280, 390):
            for theme in ('light', 'dark'):
                browser.look(width, theme)
                time.sleep(0.2)
                check_page(browser, f'{tab} {width} {theme}')
                browser.shot(f'{tab}-{width}-{theme}')
        browser.look(1280, 'light')


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


def main():
    with tempfile.TemporaryDirectory() as folder:
        models = [os.path.join(folder, name) for name in ('classes', MARKUP)]
        make_classes_model(models[0], ['coat', 'ankle boot', 'bag', 'shirt', 'none'])
        make_classes_model(models[1], [MARKUP, 'ankle boot', 'bag', 'shirt', 'none'])
        test_all(models, folder)


def test_all(models, folder):
    server = Server(models)
    browser = Browser()
    try:
        hosts = {f'127.0.0.1:{server.port}'}
        browser.look(1280, 'light')
        drawn = test_draw(browser, server)
        check_console(browser)
        test_cancel(browser, server)
        test_keyboard(browser, server)
        test_drop(browser, server, drawn)
        test_looks(browser, server)
        test_classes(browser, server)
        test_by_keyboard_alone(browser, server)
        test_markup_in_names(browser, server, folder)
        check_console(browser)
        test_wrong_settings(browser, server)
        server = test_server_gone(browser, server)
        check_console(browser, ['400 (Bad Request)', 'ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_EMPTY_RESPONSE'])
        hosts.add(f'127.0.0.1:{test_key(browser, models[:1])}')
        check_console(browser, ['401 (Unauthorized)'])
        check_requests(browser, hosts)
    except Exception:
        browser.shot('failure')
        raise
    finally:
        browser.close()
        server.stop()
    print('done')


if __name__ == '__main__':
    main()
