"""How varied published instruction sets are, by the measures that FakeInstruct is measured with.

git clone https://github.com/haotian-liu/LLaVA; git clone https://github.com/yizhongw/self-instruct
python benchmarks/instruct_diversity.py LLaVA self-instruct
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from fakescope.instruct.check.diversity import diversity

TASKS, EACH = 40, 200


def lines(path: Path) -> list[Any]:
    """The objects of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def sets(llava: Path, self_instruct: Path) -> dict[str, list[str]]:
    """Answers (of P3: prompts) of each set."""
    seed = lines(self_instruct / "data/seed_tasks.jsonl")
    files = sorted((self_instruct / "data/finetuning/t0_train_50k/data_per_template").glob("*.jsonl"))
    chosen = random.Random(0).sample(files, TASKS)
    return {
        "LLaVA, 90 answers of GPT-4 on images": [
            row["text"]
            for row in lines(llava / "playground/data/coco2014_val_qa_eval/qa90_gpt4_answer.jsonl")
        ],
        "Vicuna's 80 questions, answers of GPT-3.5": [
            row["text"] for row in lines(llava / "llava/eval/table/answer/answer_gpt35.jsonl")
        ],
        "Self-Instruct, seed answers by people": [
            instance["output"] for task in seed for instance in task["instances"]
        ],
        "P3 prompts from templates, 40 tasks": [
            row["prompt"] for file in chosen for row in lines(file)[:EACH]
        ],
    }


if __name__ == "__main__":
    for name, texts in sets(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(name, diversity(texts))
