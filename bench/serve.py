#!/usr/bin/env python3
"""What a server costs: the time of /healthz while a job runs, a job against `ddim sample`, the first preview, idle memory.

    bench/serve.py BUILD_FOLDER [MODEL [ROUNDS]]

Only the standard library is needed.
"""
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

program = os.path.join(sys.argv[1], 'ddim')
model = sys.argv[2] if len(sys.argv) > 2 else 'models/fashion-mnist'
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7


class Server:
    def __init__(self):
        self.process = subprocess.Popen([program, 'serve', '--model', model, '--port', '0', '--quiet'],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r':(\d+)/', self.process.stdout.readline()).group(1))

    def call(self, method, path, body=None, connection=None):
        connection = connection or http.client.HTTPConnection('127.0.0.1', self.port)
        connection.request(method, path, body)
        return connection.getresponse().read()

    def start_job(self, **fields):
        return json.loads(self.call('POST', '/api/jobs', json.dumps(fields)))['id']

    def wait(self, job):
        """Reads the events until there are no more; the time of the first preview."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port)
        connection.request('GET', f'/api/jobs/{job}/events')
        answer, first = connection.getresponse(), None
        for line in answer:
            if line.startswith(b'event: preview') and first is None:
                first = time.perf_counter()
        return first

    def memory_mb(self):
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024


def median(values):
    return sorted(values)[len(values) // 2]


server = Server()
try:
    print(f'idle memory, nothing loaded: {server.memory_mb():.1f} MB')
    server.wait(server.start_job(steps=1))

    previews = []
    for seed in range(rounds):
        begin = time.perf_counter()
        previews.append(1000 * (server.wait(server.start_job(steps=20, count=8, seed=seed, preview_every=1)) - begin))
    print(f'first preview of 8 pictures: median {median(previews):.0f} ms, most {max(previews):.0f} ms')

    job, times, connection = server.start_job(steps=1000, count=64), [], http.client.HTTPConnection('127.0.0.1', server.port)
    while len(times) < 2000:
        begin = time.perf_counter()
        server.call('GET', '/healthz', connection=connection)
        times.append(1000 * (time.perf_counter() - begin))
        time.sleep(0.003)
    server.call('DELETE', f'/api/jobs/{job}')
    server.wait(job)
    times.sort()
    print(f'/healthz while a job runs: median {median(times):.2f} ms, p99 {times[len(times) * 99 // 100]:.2f} ms, most {times[-1]:.2f} ms')

    # The sampling time that both report, in turns: with previews and a listener here, with none there.
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(rounds):
            out = subprocess.run([program, 'sample', '--model', model, '--steps', '50', '--count', '16', '--seed', str(seed), '--json',
                                  '--out', f'{folder}/{seed}.npz'], check=True, capture_output=True, text=True).stdout
            alone = json.loads(out)['seconds']
            job = server.start_job(steps=50, count=16, seed=seed, preview_every=5)
            server.wait(job)
            here = json.loads(server.call('GET', f'/api/jobs/{job}'))['results']['sampling_seconds']
            ratios.append(here / alone)
            print(f'  16 pictures, 50 steps: {alone:.2f} s alone, {here:.2f} s as a job with previews: {here / alone:.3f}')
    print(f'a job against ddim sample: median {median(ratios):.3f}')
    time.sleep(11)  # after 10 seconds it gives back what only speed needs
    print(f'memory with the model loaded, idle: {server.memory_mb():.1f} MB')
finally:
    server.process.terminate()
    server.process.wait()
