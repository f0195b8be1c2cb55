"""From a model's logits to a verdict: label words, soft score, calibration, abstention.

labels      words -> token ids, checked against the tokenizer
soft_score  the paper's equation: token ids and logits -> llr, p_fake, answer_mass
calibrate   an affine map of the llr, fitted on a dev split
abstain     the inconclusive zone, and the reason given for it
judge       all of them in order: logits -> Verdict
"""
