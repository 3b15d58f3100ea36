import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from studies.workers.stopping import STOPS, Interrupted, StopSignal


def send(number: int) -> None:
    signal.raise_signal(number)


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_leaves_an_interruptible_block_at_once(number: int) -> None:
    stop = StopSignal()
    reached = []
    with stop.installed():
        try:
            with stop.interruptible():
                send(number)
                reached.append("after the signal")
        except Interrupted:
            reached.append("interrupted")
        assert stop.received == number
    assert reached == ["interrupted"]


def test_outside_such_a_block_the_signal_is_kept_until_the_next() -> None:
    stop = StopSignal()
    reached = []
    with stop.installed():
        send(signal.SIGTERM)
        reached.append("written")
        assert stop.received == signal.SIGTERM
        with pytest.raises(Interrupted), stop.interruptible():
            reached.append("trained")
    assert reached == ["written"]


def test_after_an_interruptible_block_nothing_is_interrupted() -> None:
    stop = StopSignal()
    with stop.installed():
        with stop.interruptible():
            pass
        send(signal.SIGINT)
        reached = True
    assert reached


def test_a_second_signal_stops_at_once_with_its_own_number() -> None:
    numbers: list[int] = []
    stop = StopSignal(at_once=numbers.append)
    with stop.installed():
        send(signal.SIGINT)
        assert numbers == []
        send(signal.SIGTERM)
    assert numbers == [signal.SIGTERM]


def test_handlers_are_as_before_afterwards_even_after_an_error() -> None:
    before = [signal.getsignal(s) for s in STOPS]
    with StopSignal().installed():
        assert signal.getsignal(signal.SIGINT) not in before
    with pytest.raises(ZeroDivisionError), StopSignal().installed():
        _ = 1 / 0
    assert [signal.getsignal(s) for s in STOPS] == before


def test_an_interrupt_is_no_ordinary_exception() -> None:
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert not issubclass(Interrupted, Exception)


def test_the_signal_of_another_process_reaches_the_block() -> None:
    stop = StopSignal()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    with stop.installed():
        timer.start()
        with pytest.raises(Interrupted), stop.interruptible():
            signal.sigtimedwait([], 10)
    timer.join()


def test_by_default_the_second_signal_ends_the_process_with_its_exit_code() -> None:
    program = """
import signal
from studies.workers.stopping import StopSignal
with StopSignal().installed():
    signal.raise_signal(signal.SIGTERM)
    print("still here", flush=True)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        print("never", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (128 + signal.SIGINT, "still here\n")


def test_what_was_to_be_ignored_stays_ignored() -> None:
    program = """
import os, signal
from studies.workers.stopping import StopSignal
with StopSignal().installed():
    os.kill(os.getpid(), signal.SIGHUP)
    print("still here", flush=True)
"""
    words = ["nohup", sys.executable, "-c", program]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "still here\n")


def test_a_shell_and_its_terminal_may_each_say_that_it_is_closed() -> None:
    numbers: list[int] = []
    with (stop := StopSignal(at_once=numbers.append)).installed():
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        send(signal.SIGUSR1)
        assert (stop.received, numbers) == (signal.SIGHUP, [])
        send(signal.SIGTERM)
    assert numbers == [signal.SIGTERM]


def test_nothing_fails_that_is_written_after_the_terminal_was_closed() -> None:
    program = """
import signal, sys
from studies.workers.stopping import Interrupted, StopSignal
try:
    with (stop := StopSignal()).installed(), stop.interruptible():
        print("ready", flush=True)
        signal.sigtimedwait([], 30)
except Interrupted:
    print("stopped; nothing is lost", flush=True)
    sys.exit(128 + stop.received)
"""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0){program}",
        ],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    assert b"ready" in os.read(controller, 100)
    os.close(controller)  # as a window that is closed
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
