"""`ask` keeps its thread; `models` lists what there is."""

from __future__ import annotations

from fakescope.errors import FakescopeError


def test_one_question_one_answer(fakescope, jpeg):
    ended = fakescope("ask", jpeg, "Is the light odd?")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "Answer 2: I looked at that.\n"


def test_several_questions_are_one_thread(fakescope, jpeg):
    ended = fakescope("ask", jpeg, "One?", "-q", "Two?", "-q", "Three?", "--json")
    assert [line["question"] for line in ended.lines] == ["One?", "Two?", "Three?"]
    # The verdict is the first turn of the thread.
    assert [line["answer"][:9] for line in ended.lines] == ["Answer 2:", "Answer 3:", "Answer 4:"]
    assert set(ended.lines[0]) == {"path", "sha256", "question", "answer", "model", "model_revision"}


def test_questions_can_be_piped_in(fakescope, jpeg):
    ended = fakescope("ask", jpeg, stdin=b"One?\n\nTwo?\n")
    assert ended.out == "> One?\nAnswer 2: I looked at that.\n> Two?\nAnswer 3: I looked at that.\n"


def test_an_image_on_standard_input_needs_a_question(fakescope, jpeg):
    assert fakescope("ask", "-", stdin=jpeg.read_bytes()).code == 2
    assert fakescope("ask", "-", "What?", stdin=jpeg.read_bytes()).code == 0


def test_an_unreadable_image(fakescope, tmp_path):
    ended = fakescope("ask", tmp_path / "no.jpg", "What?")
    assert (ended.code, ended.out) == (3, "")
    assert "does not exist" in ended.err
    ended = fakescope("ask", tmp_path / "no.jpg", "What?", "--json")
    assert ended.lines[0]["error"]["code"] == "image_error"


def test_a_question_that_is_too_long_is_one_error(fakescope, jpeg):
    ended = fakescope("ask", jpeg, "x" * 5000)
    assert ended.code == 5
    assert ended.err.startswith("error: the question has over")


def test_ctrl_c_in_an_answer(fakescope, model, jpeg):
    def stop(messages):
        raise KeyboardInterrupt

    model.reply = stop
    assert fakescope("ask", jpeg, "What?").code == 130


def test_models_are_listed(fakescope):
    ended = fakescope("models")
    assert ended.code == 0
    assert "scripted" in ended.out
    assert "Apache-2.0" in ended.out
    (line,) = fakescope("models", "--json").lines
    assert line["band"] == {"low": 0.4, "high": 0.6, "min_mass": 0.5}


def test_a_card_is_printed_without_control_characters(fakescope):
    assert fakescope("models", "show", "scripted").out == "# scripted\n\nKnown failures: [31mall[0m.\n"


def test_an_unknown_model_is_one_line(fakescope, monkeypatch, jpeg):
    def missing(name=None):
        raise FakescopeError(f"there is no model named {name!r}", "see `fakescope models`")

    monkeypatch.setattr("fakescope.models.zoo.load_model", missing)
    ended = fakescope("detect", "--model", "nope", jpeg)
    assert (ended.code, ended.err) == (5, "error: there is no model named 'nope' (see `fakescope models`)\n")
