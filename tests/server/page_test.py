"""Drives the page of ddim serve in headless Chromium, by the WebDriver protocol and the standard library alone.

    python3 page_test.py PROGRAM SOURCE_FOLDER [FOLDER FOR SCREENSHOTS]

Every tab is used by mouse and by keyboard, at 1280 and at 390 pixels, light and dark. No error may be in the console, no
request may leave for another host, every control must have a name, and text must have contrast.
"""
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True  # beside the sources
from browser import (CONTROL, DONE, DOWN, END, ENTER, ESCAPE, HOME, RIGHT, SHOTS, SOURCE, SPACE, TAB, Browser, Server,  # noqa: E402
                     check_console, check_page, check_requests, choose, draw, drop_file, open_page, run_command, set_value)
from page_troubles import test_another_server, test_leaving, test_long_names, test_other_picture  # noqa: E402

BOOT = os.path.join(SOURCE, 'docs/pictures/boot.png')
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
    draw(browser, 8)
    browser.wait("return document.querySelectorAll('#history-list button').length === 16")
    names = browser.run("return Array.from(document.querySelectorAll('#history-list button'), (button) => button.ariaLabel)")
    assert len(set(names)) == 16 and 'Seed 7, number 2, 10 steps' in names, names
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
    browser.choose_file('#picture-file', BOOT)
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
    draw(browser, 1)
    browser.click('#panel-draw .tile')
    assert MARKUP in browser.wait("return document.getElementById('viewer-recipe').innerText")
    assert MARKUP in browser.wait("return document.getElementById('viewer-command').value")
    open_page(browser, server, 'encode')
    path = os.path.join(folder, MARKUP + '.png')
    shutil.copy(BOOT, path)
    browser.choose_file('#picture-file', path)
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
    browser.choose_file('#picture-file', BOOT)
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
    assert browser.run(STATUS) == 'These are the settings of the picture.'


STATUS = "return document.querySelector('#panel-draw .status').innerText"


def test_drop_of_what_cannot_be_set(browser, server, folder):
    """What the form has no place for is told, and the form can be sent."""
    elsewhere = os.path.join(folder, 'elsewhere')
    shutil.copytree(server.models[0], elsewhere)
    for model, flags, told, values in (
            (elsewhere, '--class 0 --precision bf16', 'size, precision, class', {}),
            (server.models[0], '--class 1 --seed 4,5 --guidance 1,2 --count 70', 'count, seeds after the first, guidance',
             {'seed': '4', 'guidance': '1', 'count': '64', 'class': '1'}),
            (server.models[0], '--class 0,2 --seed 18446744073709551615', 'seed, class', {'seed': '0', 'class': 'all'})):
        drawn = run_command(f'ddim sample --model {model} --steps 1 {flags} --out picture.png')
        open_page(browser, server)
        drop_file(browser, drawn)
        status = browser.wait("const text = document.querySelector('#panel-draw .status').innerText; return text.includes('settings') && text")
        assert status.endswith(f'Not set: {told}.'), status
        for name, value in values.items():
            assert browser.run('return document.querySelector(`#panel-draw [name=${arguments[0]}]`).value', name) == value, name
        assert browser.run("return document.querySelector('#panel-draw form').checkValidity()")


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
    draw(browser, 4)
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
    browser.choose_file('#picture-file', BOOT)
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
    # The code is of its model: another neither walks from it, nor goes on to.
    from_seed = "return !document.querySelector('#panel-walk [aria-label=\"From: seed\"]').disabled"
    can_walk = "return !document.querySelector('#panel-encode figure button:not(.tile)').hidden"
    assert not browser.run(from_seed) and browser.run(can_walk)
    choose(browser, '#model', MARKUP)
    assert browser.run(from_seed) and not browser.run(can_walk)
    choose(browser, '#model', 'classes')
    assert browser.run(from_seed) and browser.run(can_walk)
    # A picture that is gone on from is sent once.
    browser.run("document.getElementById('tab-draw').click()")
    set_value(browser, '#panel-draw [name=steps]', 2)
    set_value(browser, '#panel-draw [name=count]', 1)
    draw(browser, 1)
    browser.click('#panel-draw .tile')
    browser.wait("return document.getElementById('viewer-command').value")
    browser.click('#viewer-from')
    uploads = "return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('api/uploads?')).length"
    before = browser.run(uploads)
    for _ in range(2):
        draw(browser, 1)
    assert browser.run(uploads) == before + 1


def test_theme(browser, server):
    open_page(browser, server)
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(background)
    browser.click('#theme')
    dark = browser.run(background)
    assert dark != light
    open_page(browser, server)
    assert browser.run(background) == dark, 'the choice is kept'
    check_page(browser, 'dark by the button')
    browser.click('#theme')
    assert browser.run(background) == light
    browser.run("localStorage.removeItem('ddim-theme')")


def test_seeds_and_sliders(browser, server):
    def drawn():
        draw(browser, 1)
        return browser.run(seed)
    open_page(browser, server, model='classes')
    seed = "return document.querySelector('#panel-draw [name=seed]').value"
    set_value(browser, '#panel-draw [name=steps]', 1)
    set_value(browser, '#panel-draw [name=count]', 1)
    browser.click('#panel-draw [aria-label="Another seed"]')
    first = browser.run(seed)
    assert first != '0'
    assert drawn() == first, 'a seed of the dice counts once'
    browser.click('#panel-draw [name=lock]')
    assert drawn() == first and drawn() == first, 'a seed that is kept'
    browser.click('#panel-draw [name=lock]')
    assert drawn() != first, 'another seed by itself'
    # A slider and its number, either way; what is beyond the slider stays in the number.
    slider = '#panel-draw [aria-label="Steps, slider"]'
    browser.run('document.querySelector(arguments[0]).focus()', slider)
    browser.keys(RIGHT + RIGHT)
    assert browser.run("return document.querySelector('#panel-draw [name=steps]').value") == '3'
    set_value(browser, '#panel-draw [name=steps]', 250)
    assert browser.run('return document.querySelector(arguments[0]).value', slider) == '100'
    # The adaptive sampler chooses its steps, and adds no noise.
    browser.click('#panel-draw summary')
    disabled = "return Array.from(document.querySelectorAll('#panel-draw :disabled[name]'), (field) => field.name).sort().join()"
    assert browser.run(disabled) == ''
    choose(browser, '#panel-draw [name=sampler]', 'adaptive')
    assert browser.run(disabled) == 'eta,steps,tau'
    check_page(browser, 'adaptive')
    drawn()
    choose(browser, '#panel-draw [name=sampler]', 'ddim')
    assert browser.run(disabled) == ''


def test_viewer_buttons(browser, server):
    """Copy, download, encode and close; the chip of what is gone on from; forgetting the history."""
    browser.devtools('Browser.grantPermissions', permissions=['clipboardReadWrite', 'clipboardSanitizedWrite'])
    open_page(browser, server)
    set_value(browser, '#panel-draw [name=steps]', 3)
    set_value(browser, '#panel-draw [name=count]', 1)
    draw(browser, 1)
    browser.click('#panel-draw .tile')
    command = browser.wait("return document.getElementById('viewer-command').value")
    browser.click('#viewer-copy')
    browser.wait("return document.getElementById('viewer-copy').innerText === 'Copied'")
    assert browser.call('POST', '/execute/async', {'script': 'navigator.clipboard.readText().then(arguments[0])', 'args': []}) == command
    with tempfile.TemporaryDirectory() as folder:
        browser.devtools('Browser.setDownloadBehavior', behavior='allow', downloadPath=folder)
        browser.click('#viewer-download')
        assert wait_for_file(os.path.join(folder, 'picture.png')) == run_command(command), 'the download is what the command makes'
    browser.click('#viewer-close')
    assert not browser.run("return document.getElementById('viewer').open")
    browser.click('#panel-draw .tile')
    browser.click('#viewer', at=(-0.49, -0.49))  # beside the picture and its text
    browser.wait("return !document.getElementById('viewer').open")
    browser.click('#panel-draw .tile')
    browser.click('#viewer-from')
    chip = "return document.querySelector('#panel-draw .chip').checkVisibility()"
    assert browser.run(chip)
    browser.click('#panel-draw .chip button')
    assert not browser.run(chip)
    browser.click('#panel-draw .tile')
    browser.click('#viewer-encode')
    browser.wait("return !document.querySelector('#panel-encode form .main').disabled")
    assert browser.run("return document.getElementById('panel-encode').checkVisibility()")
    browser.click('#history-clear')
    browser.wait("return !document.getElementById('history').checkVisibility()")
    open_page(browser, server)
    assert not browser.run("return document.getElementById('history').checkVisibility()")


def wait_for_file(path):
    end = time.time() + 20
    while not os.path.exists(path) and time.time() < end:
        time.sleep(0.05)
    with open(path, 'rb') as file:
        return file.read()


def test_brush_by_mouse(browser, server):
    open_page(browser, server, 'encode', 'classes')
    button = "return document.querySelector('#panel-encode .row button').disabled"
    browser.choose_file('#picture-file', BOOT)
    browser.wait("return document.querySelector('#panel-encode canvas').checkVisibility()")
    painted = ("const c = document.querySelector('#panel-encode canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
               'let count = 0; for (let k = 0; k < d.length; k += 4) count += d[k] > d[k + 1] + 30; return count')
    assert browser.run(button) and browser.run(painted) == 0
    browser.drag('#panel-encode canvas', (-0.4, -0.4), (0.4, 0.4))
    narrow = browser.run(painted)
    assert narrow > 0 and not browser.run(button)
    browser.click('#panel-encode .tools .quiet')
    assert browser.run(button) and browser.run(painted) == 0
    set_value(browser, '#brush', 5)
    browser.drag('#panel-encode canvas', (-0.4, -0.4), (0.4, 0.4))
    assert browser.run(painted) > narrow


def test_pad_by_mouse(browser, server):
    """Between four, one of them a picture, the place shown by the mouse."""
    open_page(browser, server, 'walk', 'classes')
    browser.choose_file('#panel-walk [aria-label="To: picture"]', BOOT)
    assert browser.run("return document.querySelector('#panel-walk [aria-label=\"To: seed\"]').disabled")
    set_value(browser, '#panel-walk [name=steps]', 1)
    browser.click('#panel-walk [type=checkbox]')
    browser.click('#panel-walk form .main')
    browser.wait("return document.querySelector('#panel-walk .status').innerText.includes('36 pictures')", seconds=120)
    place = "return Array.from(document.querySelectorAll('#panel-walk .stage [type=range]'), (slider) => Number(slider.value)).join()"
    for at, expected in (((0.49, 0.49), '5,5'), ((-0.49, 0.49), '0,5'), ((0.49, -0.49), '5,0')):
        browser.click('#panel-walk canvas.big', at=at)
        assert browser.run(place) == expected, browser.run(place)
    browser.drag('#panel-walk canvas.big', (0.49, -0.49), (0.1, 0.1))
    assert browser.run(place) == '3,3', browser.run(place)
    # The button of a picture that was picked takes it away; other seeds take all away.
    before = browser.run("return document.querySelector('#panel-walk [aria-label=\"From: seed\"]').value")
    browser.run("Array.from(document.querySelectorAll('#panel-walk form button')).find((each) => each.innerText.includes('✕')).click()")
    assert not browser.run("return document.querySelector('#panel-walk [aria-label=\"To: seed\"]').disabled")
    browser.run("Array.from(document.querySelectorAll('#panel-walk form button')).find((each) => each.innerText === 'Other seeds').click()")
    assert browser.run("return document.querySelector('#panel-walk [aria-label=\"From: seed\"]').value") != before


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
        # What no header line can hold is not kept, and the server not blamed.
        browser.type('#key', 'cl\u00e9')
        browser.keys(ENTER)
        browser.wait("return document.getElementById('key-problem').innerText.includes('of ASCII')")
        assert browser.run("return sessionStorage.getItem('ddim-key')") == 'open'
        assert browser.run("return document.getElementById('gone').hidden && !document.getElementById('key-form').hidden")
        browser.type('#key', 'open sesame')
        browser.keys(ENTER)
        browser.wait("return 'ready' in document.body.dataset")
        assert not browser.run("return document.getElementById('key-form').checkVisibility()")
        # What is linked from the page takes the key along.
        page = browser.call('GET', '/window')
        browser.click('#openapi')
        while len(browser.call('GET', '/window/handles')) < 2:
            time.sleep(0.05)
        other = next(each for each in browser.call('GET', '/window/handles') if each != page)
        browser.call('POST', '/window', {'handle': other})
        browser.wait("return document.body?.innerText.includes('openapi')")
        browser.call('DELETE', '/window')
        browser.call('POST', '/window', {'handle': page})
        # It is forgotten with the tab's session, and a page that is loaded again has it.
        open_page(browser, server)
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
    draw(browser, 8)
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
        test_drop_of_what_cannot_be_set(browser, server, folder)
        test_looks(browser, server)
        test_classes(browser, server)
        test_by_keyboard_alone(browser, server)
        test_markup_in_names(browser, server, folder)
        test_theme(browser, server)
        test_seeds_and_sliders(browser, server)
        test_brush_by_mouse(browser, server)
        test_pad_by_mouse(browser, server)
        test_viewer_buttons(browser, server)
        test_other_picture(browser, server)
        test_leaving(browser, server)
        check_console(browser)
        test_wrong_settings(browser, server)
        server = test_server_gone(browser, server)
        check_console(browser, ['400 (Bad Request)', 'ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_RESET', 'ERR_EMPTY_RESPONSE'])
        hosts.add(f'127.0.0.1:{test_key(browser, models[:1])}')
        check_console(browser, ['401 (Unauthorized)'])
        hosts.add(f'127.0.0.1:{test_long_names(browser, models[0], folder)}')
        check_console(browser)
        hosts.add(f'127.0.0.1:{test_another_server(browser, models[:1])}')
        check_console(browser, ['404 (Not Found)', '400 (Bad Request)'])
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
