"""Tests of page_test.py: people who change their mind, long names, and a server that is another one."""
import os
import shutil
import time
import urllib.request

from browser import (ESCAPE, RIGHT, SOURCE, SPACE, Server, check_page, choose, draw, drop_file, open_page, set_value)

PICTURES = os.path.join(SOURCE, 'docs/pictures')
BUTTON = '#panel-encode form .main'
FIGURES = "return Array.from(document.querySelectorAll('#panel-encode figure:not([hidden]) figcaption'), (text) => text.innerText.split(/[ ,;]/)[1])"
STATUS = 'return document.querySelector(`#panel-${arguments[0]} .status`).innerText'


NUM_REMEMBERED = "return document.querySelectorAll('#history-list button').length"
REMEMBERED = NUM_REMEMBERED + ' === arguments[0]'  # after which the page asks the server for nothing


def metric(server, name):
    with urllib.request.urlopen(server.url + 'metrics') as answer:
        return next(int(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith(name + ' '))


def wait_for_metric(server, name, value):
    end = time.time() + 60
    while metric(server, name) != value:
        assert time.time() < end, f'{name} is {metric(server, name)}, not {value}'
        time.sleep(0.05)


def test_other_picture(browser, server):
    """What is made of a picture is not wanted once another takes its place."""
    cancelled = 'ddim_jobs_total{state="cancelled"}'
    with open(os.path.join(PICTURES, 'right-half.png'), 'rb') as file:
        other = file.read()

    def begin(selector, word):
        browser.click(selector)
        browser.wait("return document.querySelector('#panel-encode .status').innerText.includes(arguments[0] + ':')", word)
        before = metric(server, cancelled)
        drop_file(browser, other)
        browser.wait('return !document.querySelector(arguments[0]).disabled', BUTTON)
        assert browser.run(FIGURES) == ['picture'], browser.run(FIGURES)
        assert browser.run(STATUS, 'encode') == ''
        assert browser.run("return document.querySelector('#panel-encode .tiles .tile') === null")
        assert metric(server, cancelled) == before + 1

    open_page(browser, server, 'encode')
    browser.choose_file('#picture-file', os.path.join(PICTURES, 'boot.png'))
    browser.wait('return !document.querySelector(arguments[0]).disabled', BUTTON)
    set_value(browser, '#panel-encode [name=steps]', 1000)
    begin(BUTTON, 'Encoding')
    browser.run("document.querySelector('#panel-encode canvas').focus()")
    browser.keys(RIGHT + SPACE)
    begin('#panel-encode .row button', 'Mending')
    set_value(browser, '#panel-encode [name=steps]', 2)
    browser.click(BUTTON)
    browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('variance')")
    assert browser.run(FIGURES) == ['picture', 'code', 'code'], browser.run(FIGURES)


def test_leaving(browser, server):
    """Nobody waits for the jobs of a page that is left."""
    running = 'ddim_jobs{state="running"}'
    for leave in (lambda: browser.call('POST', '/url', {'url': 'about:blank'}), lambda: browser.call('POST', '/refresh')):
        open_page(browser, server)
        set_value(browser, '#panel-draw [name=steps]', 1000)
        set_value(browser, '#panel-draw [name=count]', 64)
        browser.click('#panel-draw form .main')
        wait_for_metric(server, running, 1)
        browser.wait("return document.querySelector('#panel-draw .status button')?.checkVisibility()")
        leave()
        wait_for_metric(server, running, 0)


def test_long_names(browser, model, folder):
    """They are cut or broken, and nothing is wider than the window."""
    server = Server(['x' * 200 + '=' + model])
    try:
        open_page(browser, server)
        choose(browser, '#model', 'x' * 200)
        for width in (1280, 800, 390):
            browser.look(width, 'light')
            check_page(browser, f'a long name at {width}')
        browser.look(1280, 'light')
        path = os.path.join(folder, 'y' * 150 + '.png')
        shutil.copy(os.path.join(PICTURES, 'boot.png'), path)
        open_page(browser, server, 'encode', 'x' * 200)
        browser.choose_file('#picture-file', path)
        browser.wait('return !document.querySelector(arguments[0]).disabled', BUTTON)
        set_value(browser, '#panel-encode [name=steps]', 2)
        browser.run("document.querySelector('#panel-encode canvas').focus()")
        browser.keys(RIGHT + SPACE)
        remembered = browser.run(NUM_REMEMBERED)
        browser.click('#panel-encode .row button')
        browser.wait("return document.querySelector('#panel-encode .status').innerText.includes('Four ways')")
        browser.wait(REMEMBERED, remembered + 4)
        browser.click('#panel-encode .tiles .tile')
        browser.wait("return document.getElementById('viewer-files').checkVisibility()")
        for width in (1280, 390):
            browser.look(width, 'light')
            assert browser.run("const box = document.getElementById('viewer'); return box.scrollWidth <= box.clientWidth"), width
            browser.shot(f'long-names-{width}')
        browser.look(1280, 'light')
        browser.keys(ESCAPE)
    finally:
        server.stop()
    return server.port


def test_another_server(browser, models):
    """The page asks for no more pictures than a job may have, and learns of other models and limits."""
    name = os.path.basename(models[0])
    server = Server(models, flags=['--most-pictures', '6'])

    def draw_and_remember(pictures):
        nonlocal remembered
        draw(browser, pictures)
        remembered += pictures
        browser.wait(REMEMBERED, remembered)

    try:
        open_page(browser, server, model=name)
        remembered = browser.run(NUM_REMEMBERED)
        count = "return document.querySelector('#panel-draw [name=count]').value"
        assert browser.run(count) == '6'
        set_value(browser, '#panel-draw [name=steps]', 2)
        draw_and_remember(6)
        browser.run("document.getElementById('tab-walk').click()")
        set_value(browser, '#panel-walk [name=steps]', 2)
        for pictures in (6, 4):  # on a line, and on a pad of 2 by 2
            browser.click('#panel-walk form .main')
            browser.wait('return document.querySelector("#panel-walk .status").innerText.includes(`${arguments[0]} pictures on`)', pictures)
            browser.click('#panel-walk [type=checkbox]')
        browser.run("document.getElementById('tab-draw').click()")
        for most, problem in (('6', f'there is no model {name}'), ('3', 'count: must be')):
            server.stop()
            server = Server([], server.port, ['--most-pictures', most])
            browser.click('#panel-draw form .main')
            browser.wait('return document.querySelector("#panel-draw .status.bad")?.innerText.includes(arguments[0])', problem)
            browser.wait(count.replace('.value', '.max === arguments[0]'), most)
            browser.wait("return Array.from(document.querySelectorAll('#model option'), (option) => option.value).join() === 'fashion-mnist'")
            draw_and_remember(int(most))
    finally:
        server.stop()
    return server.port
