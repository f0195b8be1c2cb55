"""Tuning a full-size multimodal model on FakeInstruct, in the paper's two stages.

    recipe (YAML) + FakeInstruct + images -> align (projector) -> tune (LoRA or all) -> model + card + run folder
    reviews of a FakeChain release -> pairs -> prefer

recipe   what a run does, as dataclasses
groups   a model's parameters: vision, projector, language
answers  conversations -> batches whose labels are the answers alone
data     FakeInstruct on disk -> rows, memory-mapped; pictures through the one path
dev      p_fake of dev images, and words about them, while training
trainer  TRL's SFTTrainer with both
pairs    reviews of a release -> descriptions that people took and rejected (pair_rules: which)
prefer   the trainer that learns from them, by DPO
shards   weights in parts over several GPUs
stage    one stage from recipe to saved model; resumes
plan     what a run will need of memory, time and money
folder   what a run folder says of itself
"""
