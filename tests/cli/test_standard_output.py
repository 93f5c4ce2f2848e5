"""Output that lasts: what can't be written is dropped, and the rest is not."""

import os
import threading
from pathlib import Path

import pytest

from prefect_toapis.cli.standard_output import LastingOutput


def test_all_is_written_however_much_it_is() -> None:
    reading, writing = os.pipe()
    got: list[bytes] = []

    def read() -> None:
        with os.fdopen(reading, "rb") as pipe:
            got.append(pipe.read())

    thread = threading.Thread(target=read)
    thread.start()
    output, content = LastingOutput(writing), os.urandom(1_000_000)
    assert output.write(content) == len(content)
    os.close(writing)
    thread.join()
    assert got == [content]


def test_a_reader_that_is_gone_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    output = LastingOutput(writing)
    os.close(reading)
    assert [output.write(b"dropped") for _ in range(2)] == [7, 7]
    os.close(writing)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null"])
def test_a_full_disk_is_no_error(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    assert LastingOutput(descriptor).write(b"dropped") == 7
    os.close(descriptor)


def test_what_is_not_read_in_time_is_missing_and_the_rest_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prefect_toapis.cli.standard_output._STALL_SECONDS", 0.01)
    reading, writing = os.pipe()
    output = LastingOutput(writing)
    output.waits = False
    lines = [f"line {number}\n".encode() * 100 for number in range(1000)]
    for line in lines:
        output.write(line)
    got = os.read(reading, 1_000_000)
    output.write(b"the last line\n")
    got += os.read(reading, 1_000_000)
    assert b"".join(lines).startswith(got[:4096])
    assert got.endswith(b"\n[lines are missing here: they were not read in time]\nthe last line\n")
    for end in (reading, writing):
        os.close(end)


def test_it_is_what_a_text_stream_needs(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        output = LastingOutput(file.fileno())
        assert (output.writable(), output.isatty(), output.fileno()) == (True, False, file.fileno())
