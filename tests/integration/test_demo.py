"""The demos as people run them, on a trace of a few machines too."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devnet.folder import load_folder
from devnet.process import read_command
from devnet.trace import JOB_COLUMNS, JOB_FILE, NODE_COLUMNS, NODE_FILE
from tests.integration.world import SPEC, poll

NODES = [
    "node-a,64000,262144,4,V100M32",
    "node-b,32000,131072,2,T4",
    "node-c,96000,262144,0,",
]
JOBS = [
    "job-1,4000,8192,1,1000,,LS,Running,100,9000,100",
    "job-2,4000,8192,1,500,T4,BE,Succeeded,300,2000,310",
    "job-3,8000,8192,0,0,,BE,Running,500,3000,500",
    "job-4,4000,8192,1,1000,,BE,Pending,700,900,",
    "job-5,4000,8192,2,1000,V100M16|V100M32,BE,Failed,1000,5000,1200",
    "job-6,4000,8192,8,1000,,BE,Running,1500,4000,1500",
]


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node.cli.main", "devnet", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def write_trace(folder: Path) -> Path:
    folder.mkdir()
    nodes = "\n".join([",".join(NODE_COLUMNS), *NODES])
    jobs = "\n".join([",".join(JOB_COLUMNS), *JOBS])
    (folder / NODE_FILE).write_text(f"{nodes}\n", "utf-8")
    (folder / JOB_FILE).write_text(f"{jobs}\n", "utf-8")
    return folder


def test_the_demo_shows_a_lease_and_its_proof(slot: None, tmp_path: Path) -> None:
    done = run_demo("--dir", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout
    assert "✗" not in done.stdout
    check_nothing_runs(tmp_path / "demo")
    keys = [path.name for path in (tmp_path / "demo" / "nodes").rglob("*.key")]
    assert set(keys) == {"peer.key", "validator.key"}, "no party's key is inside a peer"


def test_the_demo_trades_a_trace(slot: None, tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "trace")
    done = run_demo("--trace", str(trace), "--dir", str(tmp_path / "demo"), "--seconds", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 jobs placed and settled, 1 expired, 1 found no offer" in done.stdout
    assert "verified" in done.stdout
    check_nothing_runs(tmp_path / "demo")


def test_a_demo_that_fails_says_where_the_logs_are(slot: None, tmp_path: Path) -> None:
    broken = tmp_path / "trace"
    write_trace(broken)
    (broken / JOB_FILE).write_text("name,cpu_milli\n", "utf-8")
    done = run_demo("--trace", str(broken))
    assert done.returncode == 1
    assert f"error: {JOB_FILE} has no column memory_mib" in done.stderr


def test_peers_end_with_the_process_that_started_them(slot: None, tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from devnet.launcher import start_devnet\n"
        "from tests.integration.world import SPEC\n"
        "launcher = start_devnet(Path(sys.argv[1]), SPEC, tethered=True)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).parents[2]
    assert SPEC.name
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "devnet")], stdout=subprocess.PIPE, cwd=root
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        folder = load_folder(tmp_path / "devnet")
        pids = [int(folder.pid(node.label).read_text()) for node in folder.nodes]
        assert all("node.toml" in read_command(pid) for pid in pids)
        os.kill(parent.pid, signal.SIGKILL)
    poll(lambda: not any(map(read_command, pids)), 15, "every peer has ended")


def check_nothing_runs(path: Path) -> None:
    folder = load_folder(path)
    assert not any(folder.pid(node.label).exists() for node in folder.nodes)


@pytest.fixture
def devnet(tmp_path: Path) -> Path:
    return tmp_path / "devnet"


def suanlian(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node.cli.main", "devnet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_devnet_goes_up_is_broken_mended_and_goes_down(slot: None, devnet: Path) -> None:
    where = ("--dir", str(devnet))
    up = suanlian("up", *where)
    try:
        assert up.returncode == 0, up.stderr
        assert "http://127.0.0.1:" in up.stdout
        again = suanlian("up", *where)
        assert again.returncode == 1
        assert "is up already" in again.stderr
        assert suanlian("kill", "region-31", *where).returncode == 0
        assert "down" in suanlian("status", *where).stdout
        assert suanlian("kill", "region-31", *where).returncode == 1
        assert suanlian("restart", "region-31", *where).returncode == 0
        status = suanlian("status", "--json", *where).stdout
        assert status.count('"state": "ready"') == len(SPEC.provinces) + 2
        assert "voting" in suanlian("logs", "region-31", *where).stdout
    finally:
        down = suanlian("down", "--remove", *where)
    assert down.returncode == 0
    assert not devnet.exists()
    assert suanlian("status", *where).returncode == 1
