"""Two students on a JupyterHub run the lesson at once; `docs/homes.md` tells how to run this."""

import asyncio
import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

import nbformat
import pytest
from conftest import NOTEBOOK, ROOT

psutil = pytest.importorskip("psutil")
pytest.importorskip("jupyterhub", reason="pip install '.[hub]'")
PROXY = os.environ.get("CONFIGURABLE_HTTP_PROXY") or shutil.which("configurable-http-proxy")
pytestmark = [
    pytest.mark.hub,
    pytest.mark.skipif(not PROXY, reason="npm install configurable-http-proxy"),
]
STUDENTS = "ada", "ben"
CHALK = "the-teacher"
CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_port = {ports[1]}
c.JupyterHub.hub_ip = "127.0.0.1"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {{"PYTHONPATH": {path!r}}}
c.JupyterHub.services = [{{"name": "teacher", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "admin", "services": ["teacher"]}}]
"""


class Hub:
    """Asks the hub and its students' servers over HTTP."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, token, content=None, method=None):
        request = urllib.request.Request(
            f"{self.address}/{path}",
            data=None if content is None else json.dumps(content).encode(),
            headers={"Authorization": f"token {token}"},
            method=method,
        )
        answer = urllib.request.urlopen(request, timeout=60).read()
        return json.loads(answer) if answer else None


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    for student in STUDENTS:
        home = folder / "homes" / student
        home.mkdir(parents=True)
        shutil.copytree(ROOT / "benchmarks", home / "benchmarks")
        (home / f"{student}.txt").write_text(f"{student}'s own")
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        free = one, two, three
        for each in free:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in free]
    config = CONFIG.format(
        ports=ports,
        token=CHALK,
        proxy=PROXY,
        homes=str(folder / "homes" / "{username}"),
        python=sys.executable,
        path=os.environ["PYTHONPATH"],
    )
    (folder / "jupyterhub_config.py").write_text(config)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub"], cwd=folder, stdout=log, stderr=log
        )
    running = Hub(f"http://127.0.0.1:{ports[0]}")
    try:
        wait_until(lambda: running.ask("hub/api/", CHALK), process, folder / "log")
        yield running, folder
    finally:
        process.terminate()
        process.wait(60)


def wait_until(ask, process, log):
    for _ in range(120):
        try:
            return ask()
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, log.read_text()
            time.sleep(1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def tokens(hub):
    """A server for each student, and the token that opens it."""
    running, _ = hub
    opened = {}
    for student in STUDENTS:
        running.ask(f"hub/api/users/{student}", CHALK, {}, "POST")
        asked = running.ask(f"hub/api/users/{student}/tokens", CHALK, {"note": "test"}, "POST")
        opened[student] = asked["token"]
        running.ask(f"hub/api/users/{student}/server", CHALK, {}, "POST")
    for student, token in opened.items():
        deadline = time.monotonic() + 120
        while (
            not running.ask(f"hub/api/users/{student}", CHALK)["servers"].get("", {}).get("ready")
        ):
            assert time.monotonic() < deadline
            time.sleep(1)
        running.ask(f"user/{student}/api/status", token)
    return opened


def test_students_see_only_their_own_files(hub, tokens):
    running, _ = hub
    lesson = {"type": "notebook", "format": "json", "content": NOTEBOOK}
    for student, token in tokens.items():
        path = f"user/{student}/api/contents"
        running.ask(f"{path}/Digit_recognizer.ipynb", token, lesson, "PUT")
        names = {item["name"] for item in running.ask(path, token)["content"]}
        assert names == {f"{student}.txt", "benchmarks", "Digit_recognizer.ipynb"}
        for other in set(STUDENTS) - {student}:
            with pytest.raises(urllib.error.HTTPError, match="403"):
                running.ask(f"user/{other}/api/contents", token)


def test_two_run_the_lesson_at_once(hub, tokens, capsys):
    running, folder = hub
    most, spent = dict.fromkeys(STUDENTS, 0), dict.fromkeys(STUDENTS, 0)
    finished = threading.Event()

    def watch():
        while not finished.wait(1):
            for student in STUDENTS:
                memory, seconds = usage_of(str(folder / "homes" / student))
                most[student] = max(most[student], memory)
                spent[student] = max(spent[student], seconds)

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.monotonic()
    try:
        complaints = asyncio.run(run_for_all(running, tokens))
    finally:
        finished.set()
        watching.join()
    assert complaints == {student: [] for student in STUDENTS}
    with capsys.disabled():
        print(f"\nthe lesson, {len(STUDENTS)} at once: {time.monotonic() - started:.0f} s")
        for student in STUDENTS:
            print(f"{student}: at most {most[student]:,.0f} MB, {spent[student]:.0f} CPU-seconds")
    assert all(200 < megabytes < 4000 for megabytes in most.values())


def test_two_students_hand_in(hub, tokens, run_digitlib, tmp_path):
    """Each answers in a kernel of the hub; the teacher's report has both."""
    running, folder = hub
    answers = {"ada": ("first layer", 416), "ben": ("first layer", 400)}

    async def answer():
        for student, token in tokens.items():
            source = f"import digitlib; digitlib.check_answer{answers[student]}"
            cell = nbformat.v4.new_code_cell(source)
            connection = await open_kernel(running, student, token)
            assert await run_cell(connection, cell) == []
            connection.close()

    asyncio.run(answer())
    done = run_digitlib("class", folder / "homes", "--csv", "scores.csv", cwd=tmp_path)
    assert done.stdout.startswith("class-report.html: 2 students. ")
    rows = list(csv.DictReader((tmp_path / "scores.csv").open(encoding="utf-8")))
    assert {row["student"]: row["first layer"] for row in rows} == {
        "ada": "right first time",
        "ben": "not yet",
    }
    assert "The biases are missing." in (tmp_path / "class-report.html").read_text("utf-8")


def usage_of(home):
    """Megabytes and CPU-seconds of a student's server and kernel; shared memory is shared out."""
    memory = seconds = 0
    for process in psutil.process_iter():
        try:
            if process.cwd() == home:
                memory += process.memory_full_info().pss / 1e6
                seconds += sum(process.cpu_times()[:2])
        except psutil.Error:
            pass
    return memory, seconds


async def run_for_all(running, tokens):
    each = (run_lesson(running, student, token) for student, token in tokens.items())
    return dict(zip(tokens, await asyncio.gather(*each), strict=True))


async def run_lesson(running, student, token):
    """Runs all code cells in a kernel of the student's own; returns what went wrong."""
    connection = await open_kernel(running, student, token)
    complaints = []
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "code":
            complaints += await run_cell(connection, cell)
    connection.close()
    return complaints


async def open_kernel(running, student, token):
    """Starts a kernel of the student's own, and connects to it."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    kernel = running.ask(f"user/{student}/api/kernels", token, {"name": "python3"}, "POST")["id"]
    address = running.address.replace("http", "ws", 1)
    request = HTTPRequest(
        f"{address}/user/{student}/api/kernels/{kernel}/channels",
        headers={"Authorization": f"token {token}"},
    )
    return await websocket_connect(request, max_message_size=2**30)


async def run_cell(connection, cell):
    number = uuid.uuid4().hex
    message = {
        "header": {"msg_id": number, "msg_type": "execute_request", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": cell.source, "silent": False},
        "channel": "shell",
    }
    await connection.write_message(json.dumps(message))
    complaints = []
    while True:
        answer = json.loads(await asyncio.wait_for(connection.read_message(), 900))
        if answer["parent_header"].get("msg_id") != number:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "error":
            complaints.append(f"{cell.id}: {content['ename']}: {content['evalue']}")
        if kind == "status" and content["execution_state"] == "idle":
            return complaints
