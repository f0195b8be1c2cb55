"""What a bench shows while it runs."""

from io import StringIO

from rich.console import Console

from fakescope.bench.run import progress


def test_a_log_gets_a_line_each_tenth():
    log = StringIO()
    with progress("scores", 40, Console(file=log, width=80)) as tick:
        for _ in range(20):
            tick(2)
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("scores: 4 of 40, ")
    assert lines[-1].startswith("scores: 40 of 40, ")


def test_no_console_no_words(capsys):
    with progress("scores", 2) as tick:
        tick(2)
    assert capsys.readouterr() == ("", "")


def test_nothing_to_do_is_no_error():
    with progress("scores", 0, Console(file=StringIO())) as tick:
        tick(0)
