"""Tuning a full-size multimodal model on FakeInstruct, in the paper's two stages.

    recipe (YAML) + FakeInstruct + images -> align (projector) -> tune (LoRA or all) -> model + card + run folder

recipe   what a run does, as dataclasses
groups   a model's parameters: vision, projector, language
answers  conversations -> batches whose labels are the answers alone
data     FakeInstruct on disk -> rows, memory-mapped; pictures through the one path
dev      p_fake on dev images while training
trainer  TRL's SFTTrainer with both
stage    one stage from recipe to saved model; resumes
folder   what a run folder says of itself
"""
