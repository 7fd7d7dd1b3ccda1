"""The file of the access log: what it takes, what it loses, and that nobody ever waits for it."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.net.log_file import LogFile
from proxy.net.log_ring import RING_BYTES
from tests.proxy.node_scene import PATIENCE_S, PROJECT, wait_until


def lines_of(*numbers: int) -> list[bytes]:
    return [b'{"number":%d}\n' % number for number in numbers]


def numbers_in(*paths: Path) -> list[int]:
    return [json.loads(line)["number"] for path in paths for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "access.log"


@pytest.fixture
def file(path: Path) -> Iterator[LogFile]:
    path.parent.mkdir()
    made = LogFile(path)
    yield made
    made.close()


def test_lines_come_in_order_and_are_counted(file, path):
    for number in range(0, 100, 5):
        file.append(lines_of(*range(number, number + 5)))
    file.close()
    assert numbers_in(path) == list(range(100))
    assert (file.written, file.lost) == (100, 0)


def test_what_was_there_before_stays(file, path):
    path.write_bytes(b'{"number":1}\n')
    file.append(lines_of(2))
    file.close()
    assert numbers_in(path) == [1, 2]


def test_renamed_file_is_written_until_the_new_one_is_opened(file, path):
    file.append(lines_of(1))
    wait_until(path.exists, "the file")
    old = path.with_name("access.log.1")
    path.rename(old)
    file.append(lines_of(2))
    file.reopen()
    file.append(lines_of(3))
    file.close()
    assert numbers_in(old) == [1, 2]
    assert numbers_in(path) == [3]


def test_new_file_is_there_as_soon_as_it_is_opened_and_before_any_line(file, path):
    file.append(lines_of(1))
    wait_until(path.exists, "the file")
    path.rename(path.with_name("access.log.1"))
    file.reopen()
    wait_until(path.exists, "the new file")


def test_full_disk_costs_lines_and_one_warning_until_there_is_room_again(file, path, caplog):
    path.symlink_to("/dev/full")
    for number in range(5):
        file.append(lines_of(number))
    wait_until(lambda: file.lost == 5, "five lines to be lost")
    path.unlink()
    file.append(lines_of(5))
    file.close()
    assert numbers_in(path) == [5]
    assert (file.written, file.lost) == (1, 5)
    assert [record.message for record in caplog.records] == [
        "the access log cannot be written, lines are lost"
    ]
    assert caplog.records[0].reason == "No space left on device"


def test_missing_directory_costs_lines_until_it_is_back(file, path):
    path.parent.rmdir()
    file.append(lines_of(1, 2))
    wait_until(lambda: file.lost == 2, "two lines to be lost")
    path.parent.mkdir()
    file.append(lines_of(3))
    file.close()
    assert numbers_in(path) == [3]


def test_disk_that_does_not_answer_holds_nobody_up_and_a_bounded_number_of_lines(file, path):
    """A pipe that nobody reads stands in for it: to open one waits without end."""
    os.mkfifo(path)
    fill = b"x" * 65_000
    count = 0
    while file.lost < 50:
        file.append([b'{"number":%d,"fill":"%b"}\n' % (count, fill)])
        count += 1
        assert count < 10 * RING_BYTES // len(fill)
    kept = count - file.lost
    assert kept >= RING_BYTES // len(fill) - 2
    taken: list[int] = []

    def read() -> None:
        with path.open("rb") as reader:
            taken.extend(json.loads(line)["number"] for line in reader)

    reading = threading.Thread(target=read)
    reading.start()
    wait_until(lambda: file.written == kept, "what was kept")
    file.close()
    reading.join(PATIENCE_S)
    assert taken == list(range(kept))
    assert (file.written, file.lost) == (kept, 50)


def test_writer_that_dies_is_replaced_and_what_it_had_is_counted(file, path, monkeypatch):
    monkeypatch.setattr("proxy.net.log_file.RESTART_GAP_S", 0.0)
    file.append(lines_of(1))
    wait_until(lambda: file.written == 1, "the line")
    file._writer.kill()
    file._writer.wait()
    file.append(lines_of(2))
    file.append(lines_of(3))
    file.close()
    assert numbers_in(path)[0] == 1
    assert file.written == len(numbers_in(path))
    assert file.written + file.lost == 3


def test_what_a_killed_worker_had_handed_over_is_written(path):
    path.parent.mkdir()
    script = """
        import os, signal, sys
        from pathlib import Path
        from proxy.net.log_file import LogFile

        LogFile(Path(sys.argv[1])).append([b'{"number":1}\\n'])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    subprocess.run(command, cwd=PROJECT, timeout=PATIENCE_S)
    wait_until(lambda: path.exists() and numbers_in(path) == [1], "the line")


def test_two_writers_never_mix_their_lines(file, path):
    """Every worker appends to the same file; what each appends stays in one piece."""
    other = LogFile(path)
    for start in range(0, 20_000, 400):
        file.append(lines_of(*range(start, start + 200)))
        other.append(lines_of(*range(start + 200, start + 400)))
    wait_until(lambda: file.written + other.written == 20_000, "the disk")
    file.close()
    other.close()
    assert sorted(numbers_in(path)) == list(range(20_000))


def test_line_that_a_full_disk_tore_spoils_no_other(tmp_path):
    """The limit of a file's size stands in for the end of the disk."""
    script = """
        import resource, sys
        from pathlib import Path
        from proxy.net.log_file import LogFile

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        file = LogFile(Path(sys.argv[1]))
        writer = file._writer.pid
        resource.prlimit(writer, resource.RLIMIT_FSIZE, (1000, hard))
        file.append([b'{"number":%d,"fill":"%b"}\\n' % (n, b"x" * 300) for n in range(10)])
        while file.written + file.lost < 10:
            pass
        resource.prlimit(writer, resource.RLIMIT_FSIZE, (hard, hard))
        file.append([b'{"number":10}\\n', b'{"number":11}\\n'])
        file.close()
        print(file.written, file.lost)
    """
    path = tmp_path / "access.log"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    written, lost = map(int, done.stdout.split())
    assert (written, lost) == (5, 7)
    lines = path.read_text().splitlines()
    whole = [line for line in lines if line.endswith("}")]
    assert len(lines) == len(whole) + 1
    assert [json.loads(line)["number"] for line in whole] == [0, 1, 2, 10, 11]
